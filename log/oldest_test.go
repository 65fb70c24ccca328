package log

import (
	"fmt"
	"math"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// candidates are partitions that may lose all but what reaches their end.
func (f *fixture) candidates(ids ...model.PartitionID) []Candidate {
	list := make([]Candidate, len(ids))
	for i, id := range ids {
		list[i] = Candidate{Partition: f.log.Partition(id), Limit: f.ends[id]}
	}
	return list
}

// trimOldest carries a plan out, reclaims, and returns how many bytes of
// batches went, and how many of segments came back.
func (f *fixture) trimOldest(bytes int64, ids ...model.PartitionID) (trimmed, back int64) {
	f.t.Helper()
	for i, trim := range f.log.OldestFirst(bytes, f.candidates(ids...)) {
		if trim.Err != nil {
			f.t.Fatal(trim.Err)
		}
		trimmed += trim.Bytes
		if p := f.log.Partition(ids[i]); trim.Start > p.Start() {
			if err := f.control(ids[i], KindLogStart, trim.Start, 1); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	_, back, err := f.log.Reclaim()
	if err != nil {
		f.t.Fatal(err)
	}
	return trimmed, back
}

// borders are the Positions behind the newest batch that went, and of the
// oldest that stays.
func (f *fixture) borders(ids ...model.PartitionID) (gone, stays Position) {
	f.t.Helper()
	stays = math.MaxUint64
	for _, id := range ids {
		p := f.log.Partition(id)
		it, err := p.iterate(0)
		for err == nil {
			e, _, ok, nextErr := it.next()
			if err = nextErr; err != nil || !ok {
				break
			}
			if e.LastOffset() < p.Start() {
				gone = max(gone, Position(e.Position))
			} else {
				stays = min(stays, Position(e.Position))
			}
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	return gone, stays
}

// The oldest go first across partitions, by whole segments, and no more than
// it takes.
func TestOldestFirst(t *testing.T) {
	for _, segments := range []int64{0, 1, 3, 8} {
		t.Run(fmt.Sprint(segments), func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 32 << 10})
			for range 5 {
				f.append(2000, 1)
			}
			for i := range 100 {
				f.append(500+i*37%3000, 1, 2, 3)
			}
			f.checkpoint()
			before := f.log.Stats()
			trimmed, back := f.trimOldest(segments*(32<<10), 1, 2, 3)
			after := f.log.Stats()
			if back != segments*(32<<10) || (trimmed == 0) != (segments == 0) {
				t.Errorf("%d bytes of segments came back for %d of batches", back, trimmed)
			}
			if got := before.LiveBytes - after.LiveBytes; got != trimmed {
				t.Errorf("%d bytes were to go, %d went", trimmed, got)
			}
			if gone, stays := f.borders(1, 2, 3); gone >= stays {
				t.Errorf("what stood at %d went, what stands at %d stays", gone, stays)
			}
			f.kill()
			f.checkpoint()
			f.checkLive()
			f.close()
		})
	}
}

// The newest segment, and what reaches a limit, stay whatever is asked.
func TestOldestFirstLimits(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	for range 100 {
		f.append(1000, 1, 2)
	}
	list := f.candidates(1, 2)
	list[1].Limit = 20 // in the midst of a batch: 18 to 20
	trims := f.log.OldestFirst(math.MaxInt64, list)
	newest := f.log.segments.all().last().First
	e, ok, err := f.log.Partition(1).lastBelow(trims[0].Start)
	if err != nil || !ok || Position(e.Position) >= newest || trims[0].Start >= f.ends[1] {
		t.Errorf("partition 1 is cut at %d, its last batch there stands at %d; the newest segment begins at %d; %v",
			trims[0].Start, e.Position, newest, err)
	}
	if trims[1].Start != 18 {
		t.Errorf("partition 2 is cut at %d, want 18", trims[1].Start)
	}
	f.close()
}

// Others' data in the way does not cost the candidates more than was asked.
func TestOldestFirstAmongOthers(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	for range 100 {
		f.append(2000, 1)
		f.append(100, 9) // a little, everywhere
	}
	f.checkpoint()
	trimmed, back := f.trimOldest(4*(32<<10), 1)
	if back != 0 || trimmed == 0 || trimmed > 5*(32<<10) {
		t.Fatalf("%d bytes went to make 4 segments free", trimmed)
	}
	start := f.log.Partition(1).Start()
	for range 3 {
		// Nothing came back, as the rest has to be moved first; nothing more goes.
		if again, _ := f.trimOldest(3*(32<<10), 1); again != 0 || f.log.Partition(1).Start() != start {
			t.Fatalf("another %d bytes went", again)
		}
	}
	f.close()

	f = newFixture(t, Config{SegmentBytes: 32 << 10})
	for range 100 {
		f.append(2000, 9)
		f.append(300, 1)
	}
	f.checkpoint()
	if trimmed, _ := f.trimOldest(4*(32<<10), 1); trimmed != 0 {
		t.Errorf("%d bytes went although nothing comes back", trimmed)
	}
	f.close()
}

// What was moved to the cold log is older than all else, and goes first.
func TestOldestFirstInTheColdLog(t *testing.T) {
	f := moved(t)
	f.restart()
	cold := f.log.coldLog.segments.all()
	if len(cold) != 1 || cold[0].live.Load() == 0 {
		t.Fatal(cold)
	}
	before := f.log.Stats()
	if before.ColdBytes != cold[0].taken() || before.LiveBytes < cold[0].live.Load() {
		t.Errorf("%+v", before)
	}
	lives := cold[0].live.Load()
	trimmed, back := f.trimOldest(1, 1, 4)
	if trimmed != lives || back != before.ColdBytes {
		t.Errorf("%d bytes went of %d, %d came back of %d", trimmed, lives, back, before.ColdBytes)
	}
	after := f.log.Stats()
	if after.ColdBytes != 0 || before.LiveBytes-after.LiveBytes != trimmed || before.SegmentBytes != after.SegmentBytes {
		t.Errorf("was %+v, is %+v", before, after)
	}
	f.close()
}

// It is asked every few seconds while the disk is full: what it costs does not
// grow with the product of segments, and what others moved is not looked at
// again for each.
func TestOldestFirstAsksForSizesOnce(t *testing.T) {
	f := newFixture(t, relocating())
	for range 60 {
		f.append(1500, 9)
		f.append(6000, 2)
	}
	f.deleteAll(2)
	f.relocate()
	for range 60 {
		f.append(2000, 1)
	}
	f.close()
	disk := &pagedFS{FS: f.mem()}
	f.disk.fs = disk
	f.open()
	cold, main := len(f.log.coldLog.segments.all()), len(f.log.segments.all())
	if cold < 2 || main < 4 {
		t.Fatalf("%d segments, %d cold ones", main, cold)
	}
	disk.sizes.Store(0)
	trims := f.log.OldestFirst(math.MaxInt64, f.candidates(1))
	if trims[0].Err != nil || trims[0].Start == 0 {
		t.Errorf("%+v", trims)
	}
	if n := int(disk.sizes.Load()); n > cold {
		t.Errorf("%d questions for the size of %d cold segments", n, cold)
	}
	f.close()
}

// On a full disk the next segment is not tried to be made with every group.
func TestPreparationIsNotRepeated(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	fault := vfs.NewFault(f.mem(), vfs.FailFrom(1, vfs.KindAllocate, vfs.ErrNoSpace))
	f.close()
	f.disk.fs = fault
	f.open()
	before := fault.Count(vfs.KindAllocate)
	for range 20 {
		f.append(1000, 1, 2) // 40 KiB and more, of 64
	}
	if n := fault.Count(vfs.KindAllocate) - before; n > 1 {
		t.Errorf("%d tries to make the next segment", n)
	}
	f.close()
}
