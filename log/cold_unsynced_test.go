package log

import (
	"math/rand/v2"
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// diesAtColdSync has the process die in the next sync of a file that this life
// made for the cold log. What it wrote there is in the page cache.
func (f *fixture) diesAtColdSync(mem *vfs.Mem, fault *vfs.Fault, do func()) {
	f.t.Helper()
	var dead atomic.Bool
	fault.SetHook(func(op vfs.Op) error {
		// A file goes by the name that it was made under.
		if op.Kind == vfs.KindSync && strings.HasPrefix(path.Base(op.Name), "cold-next") {
			dead.Store(true)
		}
		if dead.Load() && op.Is(vfs.AnyChange) {
			return vfs.ErrDead
		}
		return nil
	})
	do()
	if !dead.Load() {
		f.t.Fatal("nothing of the cold log was synced")
	}
	f.disk.fs = mem.Kill()
	f.stop()
}

// powerCuts cuts the power in many ways; nothing may be lost by any.
func (f *fixture) powerCuts() {
	f.t.Helper()
	var cuts []*vfs.Mem
	for seed := range uint64(24) {
		cuts = append(cuts, f.mem().Clone().PowerCut(rand.New(rand.NewPCG(seed, 0))))
	}
	f.killWithoutCheckpoint()
	for seed, cut := range cuts {
		f.disk.fs = cut
		if found := f.open(); len(found.Corrupt)+len(found.ColdCorrupt) > 0 {
			f.t.Errorf("cut %d: %+v", seed, *found)
		}
		f.check()
		if f.t.Failed() {
			f.t.FailNow()
		}
		f.killWithoutCheckpoint()
	}
}

// A run that was not synced when the process died is no part of the log. A
// rebuild meets it in the page cache, and counts it as held by a segment of which
// other batches live: were it gone with the next power cut, that would look like
// a file that has lost its end.
func TestRunThatOnlyThePageCacheHas(t *testing.T) {
	f, mem, fault := sideNeighbours(t)
	f.diesAtColdSync(mem, fault, func() {
		if _, err := f.log.Partition(9).Compact(noOffset, keepsAll(), Pace{}); err == nil {
			t.Error("it was compacted")
		}
	})
	f.remove(indexSuffix)
	if found := f.open(); !found.RebuiltIndex || len(found.ColdCorrupt) > 0 {
		t.Errorf("%+v", *found)
	}
	f.powerCuts()
}

// Copies that were not synced when the process died, and were made again by the
// next: a rebuild takes the first, which only the page cache has, and the second
// is dead then, though it is durable.
func TestCopiesThatOnlyThePageCacheHas(t *testing.T) {
	f := newFixture(t, relocating())
	mem, fault := f.openFaulty()
	fill := func() {
		for range 4 {
			f.append(300, 1)
			for range 6 {
				f.append(3000, 2)
			}
		}
		f.deleteAll(2)
	}
	fill()
	if n := f.relocate(); n == 0 {
		t.Fatal("nothing was relocated")
	}
	fill()
	f.diesAtColdSync(mem, fault, func() {
		if _, _, err := f.log.Relocate(); err == nil {
			t.Error("it was relocated")
		}
	})
	f.open()
	if n := f.relocate(); n == 0 {
		t.Fatal("nothing was relocated again")
	}
	f.check()
	twice, at := 0, make(map[[2]int64]bool)
	for _, h := range f.coldEntries() {
		if key := [2]int64{int64(h.Partition), int64(h.BaseOffset)}; at[key] {
			twice++
		} else {
			at[key] = true
		}
	}
	if twice == 0 {
		t.Fatal("no batch was copied twice")
	}
	f.killWithoutCheckpoint()
	f.remove(indexSuffix)
	if found := f.open(); !found.RebuiltIndex || len(found.ColdCorrupt) > 0 {
		t.Errorf("%+v", *found)
	}
	f.relocate()
	f.check()
	f.powerCuts()
}
