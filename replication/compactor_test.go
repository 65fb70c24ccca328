package replication

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/log/compact"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// compacting are the settings of a compacted topic in which each batch is a
// segment.
func compacting() cluster.TopicSettings {
	s := syncFlush()
	s.Delete, s.Compact = false, true
	s.Compaction = cluster.CompactionSettings{
		DirtyRatio: 0, MaxLagMs: math.MaxInt64, DeleteRetentionMs: 3_600_000, SegmentBytes: 1, SegmentMs: math.MaxInt64,
	}
	return s
}

// cleaner is a compactor under test, and what it told.
type cleaner struct {
	*Compactor

	set  CompactorSettings
	room func() int64
	stop chan struct{}
	told []Compaction
}

func (w *world) compactor(s CompactorSettings) *cleaner {
	c := &cleaner{set: s, room: func() int64 { return math.MaxInt64 }, stop: make(chan struct{})}
	c.Compactor = NewCompactor(w.partitions, CompactorEnv{
		Settings: func() CompactorSettings { return c.set },
		Room:     func() int64 { return c.room() },
		Report:   func(r *Compaction) { c.told = append(c.told, *r) },
		Stop:     c.stop,
	})
	return c
}

// roomy has room for any test's keys.
func roomy() CompactorSettings { return CompactorSettings{KeyBytes: 1 << 20, LoadFactor: 0.9} }

// put sends a batch of keys and values such as "a=1 b=2"; "a" is a tombstone.
func (w *world) put(p *Partition, codec batch.Codec, pairs string) {
	w.t.Helper()
	b := batch.NewBuilder(codec)
	for _, pair := range strings.Fields(pairs) {
		key, value, is := strings.Cut(pair, "=")
		v := []byte(value)
		if !is {
			v = nil
		}
		b.Add(w.clock.Now().UnixMilli(), []byte(key), v)
	}
	built, err := b.Build(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var a answers
	w.append(p, built, &a)
	w.settle()
	if list := a.all(); len(list) != 1 || list[0].Err != nil {
		w.t.Fatalf("append: %+v", list)
	}
}

// holds is all that readers get, such as "0:a=1 3:b".
func (w *world) holds(p *Partition) string {
	w.t.Helper()
	var list []string
	o := p.Offsets()
	for at := o.LogStart; at < o.HighWatermark; {
		var out span.List
		res := p.Read(ReadRequest{From: at, MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out)
		var buf bytes.Buffer
		if _, err := out.WriteTo(&buf); err != nil || res.Err != nil || buf.Len() == 0 {
			w.t.Fatalf("read from %d: %v, %v, %d bytes", at, err, res.Err, buf.Len())
		}
		out.Release()
		for b, err := range batch.Split(buf.Bytes()) {
			if err != nil {
				w.t.Fatal(err)
			}
			err := batch.Records(b.Bytes, &b.Header, 1<<20, func(r batch.Record) error {
				if off := b.BaseOffset + model.Offset(r.OffsetDelta); off >= o.LogStart {
					s := fmt.Sprintf("%d:%s", off, r.Key)
					if r.Value != nil {
						s += "=" + string(r.Value)
					}
					list = append(list, s)
				}
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
			at = b.LastOffset() + 1
		}
	}
	return strings.Join(list, " ")
}

func (w *world) wantHolds(p *Partition, when, want string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.holds(p)); diff != "" {
		w.t.Errorf("%s: %s", when, diff)
	}
}

func TestCompaction(t *testing.T) {
	// Zstd's pooled decoders hold channels, which must not go from bubble to bubble.
	for codec := batch.None; codec < batch.Zstd; codec++ {
		inWorld(t, func(w *world) {
			w.settings = compacting()
			p := w.part(0)
			c := w.compactor(roomy())
			w.put(p, codec, "a=1 b=1 c=1")
			w.put(p, codec, "a=2 b")
			w.put(p, codec, "a=3 d=1")
			w.put(p, codec, "a=4")
			if n := c.Round(); n != 1 {
				t.Fatalf("%d compactions, %+v", n, c.told)
			}
			w.wantHolds(p, "compacted", "2:c=1 4:b 5:a=3 6:d=1 7:a=4")
			if n := c.Round(); n != 0 {
				t.Errorf("%d compactions of what is clean", n)
			}
			w.crash(nil)
			p, c = w.part(0), w.compactor(roomy())
			w.wantHolds(p, "after a restart", "2:c=1 4:b 5:a=3 6:d=1 7:a=4")
			w.clock.Advance(time.Hour)
			w.put(p, codec, "e=1")
			c.Round()
			w.wantHolds(p, "the tombstone's time is over", "2:c=1 6:d=1 7:a=4 8:e=1")
			got, totals := c.Topics()[0], c.Totals()
			if got.Topic != "t" || got.Partitions != 1 || !got.LastRun.Equal(w.clock.Now()) || got.DirtyRatio != 0 || got.CleanBytes == 0 ||
				totals.Runs != 1 || totals.ReadBytes == 0 || totals.RecordsKept != 3 || totals.RecordsRead != 5 {
				t.Errorf("%+v, %+v", got, totals)
			}
			if r := c.told[0]; r.From != 7 || r.To != 8 || r.Limit != 8 || r.Records.Tombstones != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestNewestSegmentIsLeftAlone: as much as Kafka would have in its newest
// segment is not compacted.
func TestNewestSegmentIsLeftAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p := w.part(0)
		w.put(p, batch.None, "a=1")
		w.settings.Compaction.SegmentBytes = 2 * p.Bytes()
		w.settings.Compaction.SegmentMs = 60_000
		c := w.compactor(roomy())
		want := func(when, want string) {
			t.Helper()
			c.Round()
			w.wantHolds(p, when, want)
		}
		w.put(p, batch.None, "a=2")
		want("a full segment is the newest", "0:a=1 1:a=2")
		w.put(p, batch.None, "a=3")
		want("the next has begun", "1:a=2 2:a=3")
		w.clock.Advance(time.Hour)
		want("nobody writes", "1:a=2 2:a=3")
		w.put(p, batch.None, "a=4")
		want("its time was over", "2:a=3 3:a=4")
		w.crash(nil)
		p, c = w.part(0), w.compactor(roomy())
		w.put(p, batch.None, "a=5")
		want("counted from where it is clean", "2:a=3 3:a=4 4:a=5")
		w.put(p, batch.None, "a=6")
		want("the next has begun again", "4:a=5 5:a=6")
	})
}

func TestDirtyRatioAndLags(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		w.settings.Compaction.DirtyRatio = 0.5
		p, q := w.part(0), w.part(1)
		c := w.compactor(roomy())
		want := func(when, wantP, wantQ string) {
			t.Helper()
			c.Round()
			w.wantHolds(p, when, wantP)
			w.wantHolds(q, when+" (the other)", wantQ)
		}
		for i := range 4 {
			w.put(p, batch.None, fmt.Sprintf("a%d=1", i))
		}
		w.put(q, batch.None, "x=1")
		want("all is dirty", "0:a0=1 1:a1=1 2:a2=1 3:a3=1", "0:x=1")
		w.put(p, batch.None, "a0=2")
		w.put(q, batch.None, "x=2")
		want("a quarter is dirty", "0:a0=1 1:a1=1 2:a2=1 3:a3=1 4:a0=2", "0:x=1 1:x=2")
		if got := c.Topics()[0].DirtyRatio; got < 0.2 || got > 0.3 {
			t.Errorf("dirty ratio %v", got)
		}
		w.settings.Compaction.MaxLagMs = 60_000
		w.clock.Advance(time.Minute)
		w.put(p, batch.None, "a0=3")
		w.put(q, batch.None, "x=3")
		want("not yet", "0:a0=1 1:a1=1 2:a2=1 3:a3=1 4:a0=2 5:a0=3", "0:x=1 1:x=2 2:x=3")
		w.clock.Advance(time.Millisecond)
		want("too long", "1:a1=1 2:a2=1 3:a3=1 4:a0=2 5:a0=3", "1:x=2 2:x=3")
		w.clock.Advance(time.Hour)
		n := len(c.told)
		want("nothing but the last batches is left", "1:a1=1 2:a2=1 3:a3=1 4:a0=2 5:a0=3", "1:x=2 2:x=3")
		if len(c.told) != n {
			t.Errorf("compacted again: %+v", c.told[n:])
		}

		w.settings = compacting()
		w.settings.Compaction.MinLagMs = 10_000
		w.put(p, batch.None, "a2=2")
		w.put(p, batch.None, "a2=3")
		w.clock.Advance(9999 * time.Millisecond)
		w.put(p, batch.None, "a2=4")
		want("too young", "1:a1=1 2:a2=1 3:a3=1 5:a0=3 6:a2=2 7:a2=3 8:a2=4", "1:x=2 2:x=3")
		w.clock.Advance(time.Millisecond)
		want("just old enough", "1:a1=1 3:a3=1 5:a0=3 7:a2=3 8:a2=4", "1:x=2 2:x=3")

		w.put(p, batch.None, "a2=5")
		w.put(p, batch.None, "a2=6")
		w.settings.Compaction.DirtyRatio = 1
		w.clock.Advance(time.Minute)
		want("old enough, but not dirty enough", "1:a1=1 3:a3=1 5:a0=3 7:a2=3 8:a2=4 9:a2=5 10:a2=6", "1:x=2 2:x=3")
		w.settings.Compaction.DirtyRatio, w.settings.Compaction.MinLagMs = 0, 3_600_000
		want("the lag was raised", "1:a1=1 3:a3=1 5:a0=3 7:a2=3 8:a2=4 9:a2=5 10:a2=6", "1:x=2 2:x=3")
	})
}

// TestDirtiestFirst: what is overdue, then by the share that is dirty.
func TestDirtiestFirst(t *testing.T) {
	of := func(name string, clean, bytes int64, overdue bool) candidate {
		d := &dirty{topic: name, overdue: overdue}
		d.state.CleanBytes, d.state.DirtyBytes = clean, bytes
		return candidate{dirty: d}
	}
	list := []candidate{of("half", 5, 5, false), of("overdue", 9, 1, true), of("all", 0, 1, false), of("more overdue", 8, 2, true)}
	dirtiestFirst(list)
	var got []string
	for _, c := range list {
		got = append(got, c.topic)
	}
	if diff := cmp.Diff([]string{"more overdue", "overdue", "all", "half"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestSeveralPasses: with room for few keys a partition takes several
// compactions, and one round makes them all.
func TestSeveralPasses(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p := w.part(0)
		var want []string
		for i := range 20 {
			w.put(p, batch.LZ4, fmt.Sprintf("k%d=1 l%d=1 m%d=1 n%d=1 o%d=1 p%d=1 q=%d", i, i, i, i, i, i, i))
			for j, k := range "klmnop" {
				want = append(want, fmt.Sprintf("%d:%c%d=1", 7*i+j, k, i))
			}
		}
		c := w.compactor(CompactorSettings{KeyBytes: 1, LoadFactor: 0.9})
		n := c.Round()
		if n < 2 || c.told[0].To >= c.told[0].Limit {
			t.Errorf("%d compactions, %+v", n, c.told)
		}
		got := strings.Fields(w.holds(p))
		if len(got) != len(want)+2 || got[0] != want[0] { // q of the cleaned part, and of the last batch
			t.Errorf("%d records are left, want %d: %v", len(got), len(want)+2, got)
		}
	})
}

// TestUncleanable: a partition that cannot be compacted is told, once an hour,
// and the others are compacted.
func TestUncleanable(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p, q := w.part(0), w.part(1)
		var many []string
		for i := range 100 {
			many = append(many, fmt.Sprintf("k%d=1", i))
		}
		w.put(p, batch.Gzip, strings.Join(many, " "))
		w.put(p, batch.None, "k0=2")
		w.put(q, batch.None, "a=1")
		w.put(q, batch.None, "a=2")
		w.put(q, batch.None, "a=3")
		c := w.compactor(CompactorSettings{KeyBytes: 1, LoadFactor: 0.9})
		if n := c.Round(); n != 2 {
			t.Fatalf("%d compactions: %+v", n, c.told)
		}
		w.wantHolds(q, "the other", "1:a=2 2:a=3")
		topic := c.Topics()[0]
		if diff := cmp.Diff(map[string]int{"keys": 1}, topic.Uncleanable); diff != "" || c.Totals().Failed != 1 {
			t.Error(diff, c.Totals())
		}
		if !errors.Is(c.told[0].Err, compact.ErrManyKeys) && !errors.Is(c.told[1].Err, compact.ErrManyKeys) {
			t.Errorf("%+v", c.told)
		}
		w.put(p, batch.None, "k0=3")
		w.clock.Advance(time.Hour - time.Second)
		if n := c.Round(); n != 0 {
			t.Errorf("tried again too early: %d", n)
		}
		w.clock.Advance(time.Second)
		if n := c.Round(); n != 1 {
			t.Errorf("%d compactions after an hour", n)
		}
	})
}

// TestCompactionOfDamage: a damaged batch keeps its partition from being
// compacted, and no other.
func TestCompactionOfDamage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p, q := w.part(0), w.part(1)
		for i := range 3 {
			w.put(p, batch.None, fmt.Sprintf("a=needle%d", i))
			w.put(q, batch.None, fmt.Sprintf("a=%d", i))
		}
		w.crash(nil) // nothing is served from memory
		w.damage("needle1")
		c := w.compactor(roomy())
		if n := c.Round(); n != 2 {
			t.Fatalf("%d compactions: %+v", n, c.told)
		}
		if diff := cmp.Diff(map[string]int{"damage": 1}, c.Topics()[0].Uncleanable); diff != "" {
			t.Error(diff, c.told)
		}
		w.wantHolds(w.part(1), "the other", "1:a=1 2:a=2")
		if got := w.readable(w.part(0), 0); len(got) == 0 || got[0] != 0 {
			t.Errorf("the damaged one gives %v", got)
		}
	})
}

// TestCompactionOfWhatWasSentUndecodable: records that make no sense, sent before
// the topic was compacted, are told apart from damage of the disk. Once they are
// gone the partition is compacted.
func TestCompactionOfWhatWasSentUndecodable(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		for _, codec := range []batch.Codec{batch.Gzip, batch.LZ4} {
			b := batch.NewBuilder(codec)
			b.Add(w.clock.Now().UnixMilli(), []byte("a"), []byte(strings.Repeat("sense", 50)))
			built, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			copy(built[batch.HeaderSize:], "nonsense that no codec reads")
			binary.BigEndian.PutUint32(built[17:], crc32.Checksum(built[21:], crc32.MakeTable(crc32.Castagnoli)))
			var a answers
			w.append(p, built, &a)
			w.settle()
			if list := a.all(); len(list) != 1 || list[0].Err != nil {
				t.Fatalf("append: %+v", list)
			}
		}
		w.settings = compacting()
		w.settings.Delete = true
		for i := range 3 {
			w.put(p, batch.None, fmt.Sprintf("a=%d", i))
		}
		c := w.compactor(roomy())
		for before := range model.Offset(2) {
			w.deleteBefore(p, before)
			w.clock.Advance(compactionRetry)
			c.Round()
			if diff := cmp.Diff(map[string]int{"undecodable": 1}, c.Topics()[0].Uncleanable); diff != "" {
				t.Error(diff, c.told)
			}
			last := &c.told[len(c.told)-1]
			if want := fmt.Sprintf("the batch at offset %d: %v", before, compact.ErrUndecodable); last.Err == nil || !strings.HasPrefix(last.Err.Error(), want) {
				t.Errorf("%v, want %s", last.Err, want)
			}
		}
		w.deleteBefore(p, 2)
		w.clock.Advance(compactionRetry)
		c.Round()
		if got := c.Topics()[0].Uncleanable; got != nil {
			t.Error(got, c.told)
		}
		w.wantHolds(p, "without them", "3:a=1 4:a=2")
	})
}

// deleteBefore deletes a partition's records below an offset.
func (w *world) deleteBefore(p *Partition, before model.Offset) {
	w.t.Helper()
	var d deletion
	w.deleteRecords(p, before, d.done)
	w.settle()
	if d.told != 1 || d.err != nil {
		w.t.Fatal(d)
	}
}

// damage flips a bit of the first place in a segment where a text stands.
func (w *world) damage(text string) {
	w.t.Helper()
	names, err := w.disk.List("data/log")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		size, err := w.disk.Size("data/log/" + name)
		if err != nil || !strings.HasSuffix(name, ".segment") {
			continue
		}
		f, err := w.disk.Open("data/log/" + name)
		if err != nil {
			w.t.Fatal(err)
		}
		b := make([]byte, size)
		if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			w.t.Fatal(err)
		}
		_ = f.Close()
		if at := bytes.Index(b, []byte(text)); at >= 0 {
			if err := w.disk.FlipBit("data/log/"+name, int64(at), 0); err != nil {
				w.t.Fatal(err)
			}
			return
		}
	}
	w.t.Fatalf("%q is nowhere", text)
}

// TestCompactDelete: with both policies the old goes, compacted or not; without
// delete nothing does.
func TestCompactDelete(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		w.settings.RetentionMs = 3_600_000
		p := w.part(0)
		c := w.compactor(roomy())
		w.put(p, batch.None, "a=1 b=1")
		w.put(p, batch.None, "a=2 c=1")
		w.clock.Advance(2 * time.Hour)
		w.put(p, batch.None, "d=1")
		w.put(p, batch.None, "e=1")
		c.Round()
		retain := func() {
			w.partitions.Retain(func(_ *Partition, err error) { t.Error(err) })
			w.settle()
		}
		retain()
		w.wantHolds(p, "compacted only", "1:b=1 2:a=2 3:c=1 4:d=1 5:e=1")
		w.settings.Delete = true
		retain()
		w.wantHolds(p, "with both", "4:d=1 5:e=1")
		w.put(p, batch.None, "d=2")
		w.put(p, batch.None, "f=1")
		c.Round()
		w.wantHolds(p, "compacted again", "5:e=1 6:d=2 7:f=1")
	})
}
