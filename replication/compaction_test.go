package replication

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// TestUnreadableIndex: a partition of which the compactor can not say how dirty
// it is, is told once, and compacted as soon as its index can be read again.
func TestUnreadableIndex(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p := w.part(0)
		for i := range 3 {
			w.put(p, batch.None, fmt.Sprintf("a=%d", i))
		}
		if _, _, err := w.log.Reclaim(); err != nil { // a checkpoint
			t.Fatal(err)
		}
		w.crash(nil)
		c := w.compactor(roomy())
		w.fail(func(op vfs.Op) error {
			if op.Kind == vfs.KindRead && strings.HasSuffix(op.Name, ".index") {
				return syscall.EIO
			}
			return nil
		})
		for range 2 {
			if n := c.Round(); n != 0 || len(c.told) != 1 || c.told[0].Topic != "t" || c.told[0].Err == nil {
				t.Fatalf("%d compactions, told %+v", n, c.told)
			}
			if diff := cmp.Diff(map[string]int{"other": 1}, c.Topics()[0].Uncleanable); diff != "" {
				t.Error(diff)
			}
		}
		w.fail(nil)
		if n := c.Round(); n != 1 || c.Totals().Failed != 0 {
			t.Errorf("%d compactions: %+v", n, c.told)
		}
		w.wantHolds(w.part(0), "readable again", "1:a=1 2:a=2")
		if got := c.Topics()[0].Uncleanable; len(got) != 0 {
			t.Errorf("still uncleanable: %v", got)
		}
	})
}

// TestUncleanableNoMore: where what can not be compacted was deleted, the
// partition is in order again, without a compaction.
func TestUncleanableNoMore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		w.settings.Delete = true
		p := w.part(0)
		var many []string
		for i := range 100 {
			many = append(many, fmt.Sprintf("k%d=1", i))
		}
		w.put(p, batch.None, strings.Join(many, " "))
		w.put(p, batch.None, "a=1")
		c := w.compactor(CompactorSettings{KeyBytes: 1, LoadFactor: 0.9})
		c.Round()
		if got := c.Topics()[0].Uncleanable; got["keys"] != 1 {
			t.Fatalf("%v: %+v", got, c.told)
		}
		var d deletion
		w.deleteRecords(p, 100, d.done)
		w.settle()
		w.clock.Advance(time.Second)
		if n := c.Round(); n != 0 || len(c.Topics()[0].Uncleanable) != 0 {
			t.Errorf("%d compactions, %+v", n, c.Topics())
		}
	})
}
