package replication

import (
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// uncleanable are the partitions that could not be compacted, by reason.
func (c *cleaner) uncleanable() map[string]int {
	all := map[string]int{}
	for _, t := range c.Topics() {
		for reason, n := range t.Uncleanable {
			all[reason] += n
		}
	}
	return all
}

// TestCompactionDiskFull: a partition that finds no room keeps what it has, and
// does not keep one from being compacted that has room.
func TestCompactionDiskFull(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p, q := w.part(0), w.part(1)
		large := strings.Repeat("x", 100_000)
		for i := range 3 {
			w.put(p, batch.None, fmt.Sprintf("a=%d%s", i, large))
			w.put(q, batch.None, fmt.Sprintf("a=%d", i))
		}
		before := w.holds(p)
		c := w.compactor(roomy())
		w.fail(func(op vfs.Op) error {
			if op.Kind == vfs.KindWrite && op.Bytes > 50_000 {
				return vfs.ErrNoSpace
			}
			return nil
		})
		if n := c.Round(); n != 2 || c.told[0].Partition != 0 {
			t.Errorf("%d compactions: %+v", n, c.told)
		}
		if diff := cmp.Diff(map[string]int{"disk_full": 1}, c.uncleanable()); diff != "" {
			t.Error(diff, c.told)
		}
		w.wantHolds(p, "on a full disk", before)
		w.wantHolds(q, "the small one", "1:a=1 2:a=2")
		w.fail(nil)
		if n := c.Round(); n != 0 {
			t.Errorf("%d compactions at once", n)
		}
		w.clock.Advance(compactionRoomRetry)
		if n := c.Round(); n != 1 {
			t.Errorf("%d compactions after a minute", n)
		}
		w.wantHolds(p, "with room", before[strings.Index(before, "1:"):])
		if got := c.uncleanable(); len(got) != 0 {
			t.Error(got)
		}
	})
}

// TestCompactionWithoutRoom: a compaction ends where it would take what is to
// stay free, and is tried again less and less often.
func TestCompactionWithoutRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p := w.part(0)
		large := strings.Repeat("x", 300_000)
		for i := range 6 {
			w.put(p, batch.None, fmt.Sprintf("a%d=%s", i, large))
		}
		c := w.compactor(roomy())
		asked, begun := 0, p.Bytes()
		full := func() int64 {
			if asked++; asked > 9 { // to begin with, for each of five batches that it learns, and for the first that it keeps
				return -1
			}
			return begun
		}
		c.room = full
		var tries []time.Duration
		for begin := w.clock.Now(); w.clock.Now().Sub(begin) < 5*time.Hour; w.clock.Advance(time.Minute) {
			if asked = 0; c.Round() > 0 {
				tries = append(tries, w.clock.Now().Sub(begin))
			}
		}
		var want []time.Duration
		for _, minutes := range []int{0, 1, 3, 7, 15, 31, 63, 123, 183, 243} {
			want = append(want, time.Duration(minutes)*time.Minute)
		}
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Error(diff)
		}
		if got := c.Totals(); got.WrittenBytes > int64(len(tries))*700_000 || got.WrittenBytes == 0 || got.Failed != uint64(len(tries)) {
			t.Errorf("%+v", got)
		}
		if diff := cmp.Diff(map[string]int{"disk_full": 1}, c.uncleanable()); diff != "" {
			t.Error(diff)
		}
		// With as little room as it had it is not begun any more.
		written := c.Totals().WrittenBytes
		c.room = func() int64 { return 600_000 }
		w.clock.Advance(time.Hour)
		if n := c.Round(); n != 0 || c.Totals().WrittenBytes != written || len(c.told) != len(tries)+1 {
			t.Errorf("%d compactions", n)
		}
		c.room = func() int64 { return begun }
		w.clock.Advance(time.Hour)
		if n := c.Round(); n != 1 || len(c.uncleanable()) != 0 {
			t.Errorf("%d compactions with room: %v", n, c.uncleanable())
		}
		// What was cleaned is written again each time.
		w.put(p, batch.None, "b=1")
		w.put(p, batch.None, "b=2")
		c.room = func() int64 { return 1_000_000 }
		if n := c.Round(); n != 0 || c.uncleanable()["disk_full"] != 1 {
			t.Errorf("%d compactions of more than there is room for: %v", n, c.uncleanable())
		}
	})
}

// TestFullDiskEndsRound: after some that found no room the others wait as well.
func TestFullDiskEndsRound(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		const partitions = 8
		if r := w.journal.CreateTopics([]cluster.TopicSpec{{Name: "many", Partitions: partitions}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		for i := range int32(partitions) {
			p, err := w.partitions.Find("many", i)
			if err != nil {
				t.Fatal(err)
			}
			w.put(p, batch.None, "a=1")
			w.put(p, batch.None, "a=2")
		}
		w.fail(func(op vfs.Op) error {
			if (op.Kind == vfs.KindWrite || op.Kind == vfs.KindCreate) && !strings.HasPrefix(path.Base(op.Name), "index") {
				return vfs.ErrNoSpace
			}
			return nil
		})
		c := w.compactor(roomy())
		for _, want := range []int{compactionsFull, compactionsFull, partitions - 2*compactionsFull, 0} {
			if n := c.Round(); n != want {
				t.Errorf("%d compactions, want %d", n, want)
			}
		}
	})
}
