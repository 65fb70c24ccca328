package replication

import (
	"math"
	"testing"

	"github.com/mainstem-mq/mainstem/cluster"
)

// TestTrimOldest: of whom it may take, and that it goes by the watermark.
func TestTrimOldest(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 8 {
			for i := range int32(2) {
				b := builder()
				b.Add(w.clock.Now().UnixMilli(), nil, make([]byte, 400<<10))
				batch, err := b.Build(nil)
				if err != nil {
					t.Fatal(err)
				}
				var a answers
				w.append(w.part(i), batch, &a)
				w.settle()
				if list := a.all(); len(list) != 1 || list[0].Err != nil {
					t.Fatalf("append: %+v", list)
				}
			}
		}
		trim := func() (int, int64) {
			defer w.settle()
			return w.partitions.TrimOldest(2<<20, func(_ *Partition, err error) { t.Error(err) })
		}
		for name, s := range map[string]cluster.TopicSettings{
			"exempt":    {Delete: true, DiskExempt: true},
			"compacted": {Compact: true},
		} {
			was := w.settings
			w.settings.Delete, w.settings.Compact, w.settings.DiskExempt = s.Delete, s.Compact, s.DiskExempt
			if n, bytes := trim(); n != 0 || bytes != 0 {
				t.Errorf("%s: %d partitions lost %d bytes", name, n, bytes)
			}
			w.settings = was
		}
		if n, bytes := trim(); n != 2 || bytes < 1<<20 || bytes > 2<<20 {
			t.Errorf("%d partitions lost %d bytes", n, bytes)
		}
		for i := range int32(2) {
			if o := w.part(i).Offsets(); o.LogStart != 2 || o.End != 8 {
				t.Errorf("partition %d: %+v", i, o)
			}
		}
		w.holdSyncs()
		var a answers
		p := w.part(0)
		w.append(p, w.records(builder(), 3), &a)
		w.settle()
		w.partitions.TrimOldest(math.MaxInt64, func(_ *Partition, err error) { t.Error(err) })
		w.settle()
		if o := p.Offsets(); o.LogStart > 8 || o.LogStart <= 2 {
			t.Errorf("what nobody could read yet went: %+v", o)
		}
	})
}
