package log

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

func TestRetentionClassOf(t *testing.T) {
	t.Parallel()
	const hour = 60 * 60 * 1000
	for ms, want := range map[int64]RetentionClass{
		0: 0, hour - 1: 0, hour: 1, 2 * hour: 2, 24 * hour: 5, 7 * 24 * hour: 8, 1<<63 - 1: 42, -1: retentionClassMax,
	} {
		if got := RetentionClassOf(ms); got != want {
			t.Errorf("%d ms: class %d, want %d", ms, got, want)
		}
	}
	if got := RetentionClass(255).log(); got != coldMax {
		t.Errorf("log %d", got)
	}
}

// A third of the bytes each lives for a short, a middle and a long time: what
// is on the disk, and what is moved, keep to the bounds.
func TestRelocationBounds(t *testing.T) {
	cfg := relocating()
	cfg.SegmentBytes, cfg.RelocateBelow, cfg.relocateKeep = 128<<10, 0, 1 // the default share
	f := newFixture(t, cfg)
	lives := map[model.PartitionID]int{1: 60, 2: 200, 3: 800} // rounds
	classes := map[model.PartitionID]RetentionClass{1: 1, 2: 3, 3: 9}
	rounds := 4000
	if testing.Short() {
		rounds = 1600
	}
	const size = 1000
	for n := range rounds {
		for id, most := range lives {
			f.log.Partition(id).SetRetentionClass(classes[id])
			f.append(size, id)
			if start := f.ends[id] - model.Offset(3*most); start > 0 {
				if err := f.control(id, KindLogStart, start, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n%20 == 19 {
			f.relocate()
		}
	}
	live, disk := int64(0), int64(0)
	for _, n := range f.live() {
		live += n
	}
	for _, name := range f.files(segmentSuffix) {
		n, err := f.disk.fs.Size(f.disk.dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		disk += n
	}
	s := f.log.Stats()
	space := float64(disk) / float64(live)
	writes := 1 + float64(s.RelocatedBytes)/float64(int64(rounds)*3*(size+61))
	t.Logf("space %.2f, writes %.2f; %d main segments, %d cold", space, writes, s.Segments, s.ColdSegments)
	if space > 1.7 || writes > 1.5 {
		t.Errorf("space amplification %.2f, write amplification %.2f", space, writes)
	}
	f.close()
}

// Retention on a log that takes no appends, as on a full disk, wakes relocation:
// nothing else would give space back there.
func TestReclaimWakesRelocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := relocating()
		cfg.CheckpointInterval = time.Hour
		f := newFixture(t, cfg)
		for range 12 {
			f.append(300, 1)
			f.append(3000, 2, 2, 2, 2)
		}
		f.deleteAll(2)
		rests()
		if n := f.log.Stats().RelocatedSegments; n != 0 {
			t.Fatalf("%d segments were relocated already", n)
		}
		if _, _, err := f.log.Reclaim(); err != nil {
			t.Fatal(err)
		}
		rests()
		if f.log.Stats().RelocatedSegments == 0 {
			t.Error("nothing was relocated")
		}
		f.check()
		f.close()
	})
}
