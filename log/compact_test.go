package log

import (
	"errors"
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// pickCleaner keeps what a function says of a batch, by its base offset and by
// how far the compaction goes.
type pickCleaner struct {
	keep    func(base, to model.Offset) cleaned
	full    int // batches that it learns at most; 0: all
	learnt  []model.Offset
	to      model.Offset
	between func() // called once, before the first Clean
}

// cleaned is what becomes of a batch.
type cleaned uint8

const (
	keepAll cleaned = iota
	keepNone
	keepHalf // its first record, with other bytes
	keepMore // all, in more bytes than came in, as delete horizons make them
)

func (c *pickCleaner) Learn(b []byte) (full bool, err error) {
	h, err := batch.Parse(b)
	if err != nil || c.full > 0 && len(c.learnt) == c.full {
		return true, err
	}
	c.learnt, c.to = append(c.learnt, h.BaseOffset), h.LastOffset()+1
	return false, nil
}

func (c *pickCleaner) Clean(b []byte) ([]byte, error) {
	if c.between != nil {
		c.between()
		c.between = nil
	}
	h, err := batch.Parse(b)
	if err != nil {
		return nil, err
	}
	return pickFrom(b, &h, c.keep(h.BaseOffset, c.to)), nil
}

func pickFrom(b []byte, h *batch.Header, what cleaned) []byte {
	switch what {
	case keepNone:
		return nil
	case keepHalf:
		if h.Records > 1 {
			return rawBatch(h.BaseOffset, 1, (h.Size-batch.HeaderSize)/2)
		}
	case keepMore:
		return rawBatch(h.BaseOffset, int(h.Records), h.Size-batch.HeaderSize+5)
	case keepAll:
	}
	return b
}

// thirds drops one of three batches, and keeps half of another.
func thirds(base, to model.Offset) cleaned { return cleaned((base/3 + to) % 3) }

// compact compacts a partition and does the same to what is expected of it.
func (f *fixture) compact(id model.PartitionID, limit model.Offset, keep func(base, to model.Offset) cleaned) Compacted {
	f.t.Helper()
	done, err := f.log.Partition(id).Compact(limit, &pickCleaner{keep: keep}, Pace{})
	if err != nil {
		f.t.Fatal(err)
	}
	f.compacted(id, done.To, keep)
	return done
}

func (f *fixture) compacted(id model.PartitionID, to model.Offset, keep func(base, to model.Offset) cleaned) {
	f.t.Helper()
	var left []byte
	for x, err := range batch.Split(f.want[id]) {
		if err != nil {
			f.t.Fatal(err)
		}
		b := x.Bytes
		if x.LastOffset() < to {
			b = pickFrom(b, &x.Header, keep(x.BaseOffset, to))
		}
		left = append(left, b...)
	}
	f.want[id] = left
}

// everyStart checks all that can be read after every kind of start.
func (f *fixture) everyStart() {
	f.t.Helper()
	check := func(how string) {
		f.t.Helper()
		f.check()
		// What is worth it is relocated now, and not while the counters are read.
		if _, _, err := f.log.Relocate(); err != nil {
			f.t.Fatal(err)
		}
		f.checkpoint()
		f.checkLive()
		for id, want := range f.want {
			if n := f.log.Partition(id).Bytes(); n != int64(len(want)) {
				f.t.Errorf("%s: partition %d has %d bytes, want %d", how, id, n, len(want))
			}
		}
		if f.t.Failed() {
			f.t.Fatal(how)
		}
	}
	check("as it is")
	f.kill()
	check("killed")
	f.restart()
	check("restarted")
	f.rebuild()
	check("rebuilt")
	f.restart()
	check("restarted after a rebuild")
}

func TestCompact(t *testing.T) {
	f := newFixture(t, relocating())
	for range 20 {
		f.append(300, 1, 2)
	}
	done := f.compact(1, 31, thirds)
	if done.To != 30 || done.BatchesRead != 10 || done.BatchesKept == 10 || done.BatchesKept == 0 || done.RunBytes < done.BytesKept {
		t.Errorf("%+v", done)
	}
	f.everyStart()
	// Again, with what is new; the end is never touched.
	for range 10 {
		f.append(300, 1, 2)
	}
	if done := f.compact(1, noOffset, thirds); done.To != 87 {
		t.Errorf("%+v", done)
	}
	f.everyStart()
	done = f.compact(1, noOffset, thirds)
	if done.Took = 0; done != (Compacted{}) {
		t.Errorf("there was nothing to do: %+v", done)
	}
	// All that is left of the first compaction, and of what it replaced, goes.
	f.deleteAll(2)
	f.append(300, 1)
	f.relocate()
	f.everyStart()
	f.close()
}

// Nothing is left below, and what was there does not come back when the segments
// of the new part are all that there is.
func TestCompactToNothing(t *testing.T) {
	f := newFixture(t, relocating())
	for range 30 {
		f.append(3000, 1)
	}
	none := func(_, _ model.Offset) cleaned { return keepNone }
	if done := f.compact(1, 60, none); done.To != 60 || done.BytesKept != 0 {
		t.Errorf("%+v", done)
	}
	f.everyStart()
	before := len(f.mainFiles())
	f.relocate()
	if left := len(f.mainFiles()); left >= before {
		t.Errorf("%d of %d segments are left", left, before)
	}
	f.everyStart()
	f.append(3000, 1)
	f.compact(1, noOffset, none)
	f.relocate()
	f.everyStart()
	if n := len(f.files(sidePrefix)); n > 0 {
		t.Errorf("%d side segments for nothing", n)
	}
	f.close()
}

// A truncation below what was cleaned cuts it, and what is written then counts.
func TestCompactThenTruncate(t *testing.T) {
	f := newFixture(t, relocating())
	for range 20 {
		f.append(300, 1, 2)
	}
	f.compact(1, 45, thirds)
	cut := func(to model.Offset, epoch model.LeaderEpoch) {
		t.Helper()
		if err := f.control(1, KindTruncate, to, epoch); err != nil {
			t.Fatal(err)
		}
		var left []byte
		for x, err := range batch.Split(f.want[1]) {
			if err != nil {
				t.Fatal(err)
			}
			if x.LastOffset() < to {
				left = append(left, x.Bytes...)
			}
		}
		f.want[1], f.ends[1] = left, to
	}
	cut(30, 5)
	f.append(200, 1, 1, 1)
	f.everyStart()
	if c := f.log.Partition(1).cleaned(); c.to != 30 {
		t.Errorf("cleaned to %d", c.to)
	}
	f.compact(1, noOffset, thirds)
	f.everyStart()
	if err := f.control(1, KindLogStart, 12, 5); err != nil {
		t.Fatal(err)
	}
	f.want[1] = slices.Concat(f.want[1][len(f.want[1])-len(readAll(t, f.log.Partition(1), 12)):])
	f.everyStart()
	f.close()
}

// What was cleaned away told of epochs. Where its last copies go from the cold
// log the partition is restated first, or a rebuild would not know of them.
func TestCompactedCopiesAreRestated(t *testing.T) {
	f := newFixture(t, relocating())
	for epoch := range model.LeaderEpoch(3) {
		if err := f.control(1, KindTruncate, f.ends[1], 2*epoch+3); err != nil {
			t.Fatal(err)
		}
		f.append(300, 1)
		for range 10 {
			f.append(3000, 2)
		}
	}
	f.append(300, 1)
	f.deleteAll(2)
	if f.relocate() == 0 || len(f.files(coldPrefix)) == 0 {
		t.Fatal("nothing was relocated")
	}
	f.restart() // no segment of the cold log grows any more
	f.append(300, 1)
	want := f.log.Partition(1).Epochs()
	f.compact(1, noOffset, func(_, _ model.Offset) cleaned { return keepNone })
	if _, _, err := f.log.Reclaim(); err != nil || len(f.files(coldPrefix)) > 0 {
		t.Fatal(f.files(coldPrefix), err)
	}
	f.everyStart()
	if got := f.log.Partition(1).Epochs(); !slices.Equal(got, want) || len(want) != 3 {
		t.Errorf("epochs %v, want %v", got, want)
	}
	f.close()
}

// What overtakes a compaction has it given up, and nothing is changed.
func TestCompactOvertaken(t *testing.T) {
	f := newFixture(t, relocating())
	for range 20 {
		f.append(300, 1, 2)
	}
	p := f.log.Partition(1)
	cut := func() {
		if err := f.control(1, KindTruncate, 30, 5); err != nil {
			t.Fatal(err)
		}
		f.want[1], f.ends[1] = f.want[1][:len(f.want[1])/2], 30
	}
	if _, err := p.Compact(noOffset, &pickCleaner{keep: thirds, between: cut}, Pace{}); !errors.Is(err, ErrOvertaken) {
		t.Errorf("%v", err)
	}
	f.everyStart()
	// What is written then at the same offsets does not get into a run with what
	// was there before: batches would overlap.
	run := newRunWriter(1, 90, f.log.compactor.writers)
	b, _ := makeBatch(t, 6, 3, 50)
	over, _ := makeBatch(t, 8, 3, 50)
	if err := run.add(&index.Entry{BaseOffset: 6, LastOffsetDelta: 2}, b, b); err != nil {
		t.Fatal(err)
	}
	if err := run.add(&index.Entry{BaseOffset: 8, LastOffsetDelta: 2}, over, over); !errors.Is(err, ErrCorrupt) {
		t.Errorf("batches overlap: %v", err)
	}
	f.disk.standing = map[model.PartitionID]Standing{2: Dropped}
	drop := func() { f.log.Drop(2) }
	if _, err := f.log.Partition(2).Compact(noOffset, &pickCleaner{keep: thirds, between: drop}, Pace{}); !errors.Is(err, ErrOvertaken) {
		t.Errorf("%v", err)
	}
	delete(f.want, 2)
	f.everyStart()
	f.close()
	if _, err := p.Compact(noOffset, &pickCleaner{keep: thirds}, Pace{}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

// A partition that is dropped while it is compacted overtakes the compaction also
// where its segments are gone already.
func TestCompactOvertakenByReclaim(t *testing.T) {
	f := newFixture(t, relocating())
	for range 40 {
		f.append(3000, 1)
	}
	f.append(300, 2)
	f.checkpoint() // index files speak of it until the end
	f.disk.standing = map[model.PartitionID]Standing{1: Dropped}
	drop := func() {
		f.log.Drop(1)
		if n, _, err := f.log.Reclaim(); n == 0 || err != nil {
			t.Errorf("%d segments reclaimed, %v", n, err)
		}
	}
	p := f.log.Partition(1)
	if _, err := p.Compact(noOffset, &pickCleaner{keep: thirds, between: drop}, Pace{}); !errors.Is(err, ErrOvertaken) {
		t.Errorf("%v", err)
	}
	// Who looks before the index forgets it hears that it has moved on.
	c := &compaction{log: f.log, partition: p, truncated: p.positions().Truncate}
	if err := c.why(p.stays(errMoved)); !errors.Is(err, ErrOvertaken) {
		t.Errorf("%v", err)
	}
	delete(f.want, 1)
	f.everyStart()
	f.close()
}

// On a full disk a compaction is refused, and nothing has changed; with room it
// goes on.
func TestCompactOnAFullDisk(t *testing.T) {
	f := newFixture(t, relocating())
	for range 12 {
		f.append(3000, 1)
	}
	f.checkpoint()
	used := int64(0)
	for _, name := range f.files("") {
		n, err := f.mem().Size(f.disk.dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		used += n
	}
	f.mem().SetCapacity(used + 8<<10)
	if _, err := f.log.Partition(1).Compact(noOffset, &pickCleaner{keep: thirds}, Pace{}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("%v", err)
	}
	f.check()
	f.mem().SetCapacity(1 << 40)
	f.compact(1, noOffset, thirds)
	f.everyStart()
	f.close()
}

// A cleaner may make a batch longer. Sizes that are counted from the end have no
// room below 0 for that: the partition is as large as before then, until its
// index is made anew.
func TestCompactToMore(t *testing.T) {
	f := newFixture(t, relocating())
	for range 20 {
		f.append(300, 1, 2)
	}
	p := f.log.Partition(1)
	before := p.Bytes()
	f.compact(1, 31, func(_, _ model.Offset) cleaned { return keepMore })
	for _, start := range []func(){func() {}, func() { f.kill() }, func() { f.restart() }} {
		start()
		f.check()
		f.checkpoint()
		f.checkLive()
		if n := f.log.Partition(1).Bytes(); n != before {
			t.Errorf("%d bytes, want %d", n, before)
		}
	}
	f.rebuild()
	f.everyStart()
	f.append(300, 1)
	f.compact(1, noOffset, thirds)
	f.everyStart()
	f.close()
}
