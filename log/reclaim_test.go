package log

import (
	"maps"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// live is what the counters should say: the batches that a reader can reach.
func (f *fixture) live() map[string]int64 {
	f.t.Helper()
	sum := make(map[string]int64)
	for _, p := range f.log.partitions.all() {
		it, err := p.iterate(p.Start())
		if err != nil {
			f.t.Fatal(err)
		}
		for {
			e, _, ok, err := it.next()
			if err != nil {
				f.t.Fatal(err)
			}
			if !ok {
				break
			}
			if s := f.log.segmentsOf(logID(e.Log)).all().find(Position(e.Position)); s != nil {
				sum[s.name] += int64(e.Length)
			}
		}
		it.close()
	}
	return sum
}

func (f *fixture) checkLive() {
	f.t.Helper()
	counted := make(map[string]int64)
	for _, c := range []chain{f.log.segments.all(), f.log.coldLog.segments.all()} {
		for _, s := range c {
			if n := s.live.Load(); n != 0 {
				counted[s.name] = n
			}
		}
	}
	if want := f.live(); !maps.Equal(counted, want) {
		f.t.Errorf("live bytes %v, counted %v", want, counted)
	}
}

func (f *fixture) checkpoint() {
	f.t.Helper()
	if err := f.log.keeper.do(f.log.keeper.checkpoint); err != nil {
		f.t.Fatal(err)
	}
}

// Live bytes stay exact through truncation, trimming, dropping, merges and
// restarts, clean and not.
func TestLiveBytes(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	f.disk.standing = make(map[model.PartitionID]Standing)
	restarts := []func() *Recovery{f.restart, f.kill}
	for round := range 12 {
		doomed := model.PartitionID(100 + round)
		for range 5 {
			f.append(1500, 1, 2, 3, doomed)
		}
		if err := f.control(1, KindLogStart, f.ends[1]-7, model.LeaderEpoch(round*2+2)); err != nil {
			t.Fatal(err)
		}
		if round%3 == 0 {
			f.checkpoint()
			f.checkLive()
		}
		if err := f.control(2, KindTruncate, f.ends[2]-3, model.LeaderEpoch(round*2+3)); err != nil {
			t.Fatal(err)
		}
		f.ends[2] -= 3
		f.disk.standing[doomed] = Dropped
		f.log.Drop(doomed)
		if round%3 == 1 {
			f.checkpoint()
			f.checkLive()
		}
		restarts[round%2]()
		f.checkpoint()
		f.checkLive()
	}
	f.close()
}

// Live bytes stay exact where a partition is cut below a log start of which
// nobody has counted yet what died by it: the start falls, and new batches come
// at the same offsets.
func TestLiveBytesOfACutBelowTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		taken  bool // the keeper has what died already
		failed bool // and gives it back
	}{
		"noted":      {false, false},
		"taken":      {true, false},
		"given back": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newStillFixture(t, Config{SegmentBytes: 16 << 10})
			grow := func(batches, size int) {
				for i := range batches {
					f.append(size+100*i, 1, 2)
				}
			}
			grow(10, 3000)
			f.checkpoint()
			if err := f.control(1, KindLogStart, 15, 1); err != nil {
				t.Fatal(err)
			}
			cut := func() {
				if err := f.control(1, KindTruncate, 6, 2); err != nil {
					t.Error(err)
				}
				f.ends[1] = 6
				grow(5, 700)
			}
			k := f.log.keeper
			if err := k.do(func() error {
				if !c.taken {
					cut()
					return k.checkpoint()
				}
				s, err := k.snapshot()
				if err != nil {
					return err
				}
				cut()
				if c.failed {
					thawAll(s.partitions, s.number)
					k.restore(s)
					return k.checkpoint()
				}
				return k.finishCheckpoint(s)
			}); err != nil {
				t.Fatal(err)
			}
			f.checkLive()
			f.kill()
			f.checkpoint()
			f.checkLive()
			if p := f.log.Partition(1); p.Start() != 6 || p.End() != 21 {
				t.Errorf("from %d to %d, want 6 to 21", p.Start(), p.End())
			}
			f.close()
		})
	}
}

// Dead segments go, also from the middle, and what remains still says all that
// is true, with and without the indexes.
func TestReclaim(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10, RelocateBelow: -1})
	f.append(500, 1, 2) // keeps the first segment alive
	for range 40 {
		f.append(3000, 3, 4)
	}
	if err := f.control(4, KindTruncate, 60, 2); err != nil {
		t.Fatal(err)
	}
	for id, start := range map[model.PartitionID]model.Offset{3: 120, 4: 57, 2: 2} {
		if err := f.control(id, KindLogStart, start, 3); err != nil {
			t.Fatal(err)
		}
	}
	for range 15 {
		f.append(3000, 1)
	}
	before := f.log.Stats().Segments
	n, bytes, err := f.log.Reclaim()
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 || bytes == 0 || f.log.Stats().Segments != before-n || len(f.files(segmentSuffix)) != before-n {
		t.Fatalf("%d segments of %d removed, %d bytes; files %v", n, before, bytes, f.files(segmentSuffix))
	}
	f.checkLive()
	starts, ends := f.bounds()
	check := func(how string) {
		t.Helper()
		gotStarts, gotEnds := f.bounds()
		if !maps.Equal(starts, gotStarts) || !maps.Equal(ends, gotEnds) {
			t.Errorf("%s: starts %v, ends %v; before %v, %v", how, gotStarts, gotEnds, starts, ends)
		}
		readAll(t, f.log.Partition(1), 0)
		readAll(t, f.log.Partition(4), starts[4])
	}
	check("reclaimed")
	f.kill()
	check("killed")
	f.restart()
	check("restarted")
	f.close()
	f.remove(".index")
	if found := f.open(); len(found.Corrupt) > 0 || !found.RebuiltIndex {
		t.Errorf("rebuild: %+v", found)
	}
	check("rebuilt")
	f.checkpoint()
	f.checkLive()
	f.close()
}

// A read in flight keeps the file of a segment that is removed meanwhile.
func TestReclaimUnderRead(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10, RingBytes: 1})
	for range 20 {
		f.append(3000, 1)
	}
	first := f.log.segments.all()[0]
	if !first.acquire() {
		t.Fatal("not open")
	}
	if err := f.control(1, KindLogStart, 60, 1); err != nil {
		t.Fatal(err)
	}
	if n, _, err := f.log.Reclaim(); err != nil || n == 0 {
		t.Fatalf("%d segments, %v", n, err)
	}
	if _, err := first.file.Size(); err != nil {
		t.Errorf("the file is closed under its reader: %v", err)
	}
	first.Release()
	var out span.List
	if _, _, err := f.log.Partition(1).Read(ReadRequest{From: 3, Limit: 60, MaxBytes: 1}, &out); err == nil {
		t.Error("a read below the start succeeds")
	}
	f.close()
}

// What a failed write left behind a segment's end stays unseen, also when the
// segment that told of that end is reclaimed.
func TestReclaimBehindAFailedWrite(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	f.append(500, 1)
	f.close()
	fault := vfs.NewFault(f.mem(), nil)
	mem := f.mem()
	f.disk.fs = fault
	f.open()
	p := f.log.Partition(1)
	fault.SetHook(vfs.FailNth(fault.Count(vfs.KindWrite)+1, vfs.KindWrite, &vfs.Short{Bytes: 1500, Err: vfs.ErrIO}))
	if err := appendTo(t, f.log, p, 3, 3, 2000).err(); err == nil {
		t.Fatal("the write did not fail")
	}
	fault.SetHook(nil)
	for range 12 {
		f.append(3000, 2)
	}
	if err := f.control(2, KindLogStart, 36, 1); err != nil {
		t.Fatal(err)
	}
	f.append(3000, 3)
	if n, _, err := f.log.Reclaim(); err != nil || n == 0 {
		t.Fatalf("%d segments, %v", n, err)
	}
	f.scrubNow()
	if d := f.log.Damage(); d.Ranges != 0 {
		t.Errorf("the scrub: %+v", d)
	}
	f.close()
	f.disk.fs = mem
	if r := f.lookAt(); r.Damaged() {
		t.Errorf("the check: %s", texts(r, SeverityDamage))
	}
	f.remove(indexSuffix)
	if found := f.open(); len(found.Corrupt) > 0 {
		t.Errorf("the start: %+v", found)
	}
	f.close()
}

// A truncation that is not the newest is restated too before its segment goes: an
// older segment may have what it cut, and tell of its producers.
func TestOlderTruncationIsRestated(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 16 << 10, RingBytes: 1})
	p := f.log.Partition(1)
	roll := func() {
		t.Helper()
		for before := f.log.segments.all().last(); f.log.segments.all().last() == before; {
			f.append(3000, 2)
		}
	}
	truncate := func(end model.Offset) Position {
		t.Helper()
		if err := f.control(1, KindTruncate, end, p.lastEpoch()+1); err != nil {
			t.Fatal(err)
		}
		f.ends[1] = end
		return p.positions().Truncate
	}
	f.append(300, 1, 1)
	roll()
	first := truncate(3)
	roll()
	f.append(300, 1)
	second := truncate(3)
	roll()
	f.append(300, 1)
	c := f.log.segments.all()
	i := c.index(first)
	dead := []segmentRange{{c[i], c[i+1].First}}
	if second < dead[0].End {
		t.Fatal("both in one segment")
	}
	if p.restatedBehind(dead) {
		t.Error("not restated")
	}
	if err := f.log.keeper.do(func() error { return f.log.keeper.restate(dead) }); err != nil {
		t.Fatal(err)
	}
	if !p.restatedBehind(dead) {
		t.Error("restated, and not for good")
	}
	f.close()
}
