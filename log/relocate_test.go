package log

import (
	"bytes"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// relocating relocates as soon and as fast as it can.
func relocating() Config {
	return Config{SegmentBytes: 32 << 10, RingBytes: 1, RelocateBelow: 0.5, RelocateRate: -1, relocateKeep: -1}
}

// relocate has everything relocated that is worth it, and gives space back.
func (f *fixture) relocate() (segments int) {
	f.t.Helper()
	segments, _, err := f.log.Relocate()
	if err != nil {
		f.t.Fatal(err)
	}
	if _, _, err := f.log.Reclaim(); err != nil {
		f.t.Fatal(err)
	}
	return segments
}

// deleteAll moves a partition's log start to its end.
func (f *fixture) deleteAll(ids ...model.PartitionID) {
	f.t.Helper()
	for _, id := range ids {
		if err := f.control(id, KindLogStart, f.ends[id], f.log.Partition(id).lastEpoch()); err != nil {
			f.t.Fatal(err)
		}
		f.want[id] = nil
	}
}

func (f *fixture) rebuild() *Recovery {
	f.t.Helper()
	f.close()
	f.remove(".index")
	found := f.open()
	if !found.RebuiltIndex || len(found.Corrupt)+len(found.ColdCorrupt) > 0 {
		f.t.Errorf("rebuild: %+v", found)
	}
	return found
}

func (f *fixture) mainFiles() (names []string) {
	for _, name := range f.files(segmentSuffix) {
		if _, ok := parseSegmentName(name); ok {
			names = append(names, name)
		}
	}
	return names
}

// A few batches that live long keep no segment: they move, and are found after
// every kind of start.
func TestRelocate(t *testing.T) {
	f := newFixture(t, relocating())
	for range 12 {
		f.append(300, 1, 4)
		for range 6 {
			f.append(3000, 2, 3)
		}
	}
	f.deleteAll(2, 3)
	before := len(f.mainFiles())
	p := f.log.Partition(1)
	first, found, err := p.FirstAtOrAfter(0, p.End())
	if err != nil || !found {
		t.Fatal(err)
	}
	f.log.Partition(1).SetRetentionClass(RetentionClassOf(-1))
	f.log.Partition(4).SetRetentionClass(RetentionClassOf(100 * 60 * 60 * 1000))
	if n := f.relocate(); n < before/2 {
		t.Errorf("%d of %d segments relocated", n, before)
	}
	if left := len(f.mainFiles()); left > 2 {
		t.Errorf("%d main segments of %d are left", left, before)
	}
	for _, prefix := range []string{"cold-127-", "cold-008-"} {
		if len(f.files(prefix)) == 0 {
			t.Errorf("no file %s*: %v", prefix, f.files(segmentSuffix))
		}
	}
	check := func(how string) {
		t.Helper()
		f.check()
		f.checkpoint()
		f.checkLive()
		again, ok, err := f.log.Partition(1).FirstAtOrAfter(0, f.ends[1])
		if err != nil || !ok || again != first {
			t.Errorf("%s: first record %+v, want %+v; %v", how, again, first, err)
		}
	}
	check("relocated")
	f.kill()
	check("killed")
	f.restart()
	check("restarted")
	f.rebuild()
	check("rebuilt")
	f.append(300, 1, 4)
	f.rebuild()
	check("rebuilt again")
	f.close()
}

// What was copied, and truncated or deleted later, does not come back in a
// rebuild; what was written later at the same offsets does.
func TestRelocatedThenTruncated(t *testing.T) {
	f := newFixture(t, relocating())
	f.disk.standing = map[model.PartitionID]Standing{}
	for range 8 {
		f.append(300, 1, 4, 5, 6)
		for range 5 {
			f.append(3000, 2)
		}
	}
	f.deleteAll(2)
	f.relocate()
	cut := func(id model.PartitionID, to model.Offset, epoch model.LeaderEpoch) {
		t.Helper()
		if err := f.control(id, KindTruncate, to, epoch); err != nil {
			t.Fatal(err)
		}
		size := len(f.want[id]) / int(f.ends[id]/3)
		f.want[id], f.ends[id] = f.want[id][:size*int(to/3)], to
	}
	cut(1, 12, 5)
	f.epochs(1, 5, 100, 3) // other records at the same offsets
	cut(4, 9, 5)
	size := len(f.want[5]) / 8
	if err := f.control(5, KindLogStart, 6, 1); err != nil {
		t.Fatal(err)
	}
	f.want[5] = f.want[5][2*size:]
	f.disk.standing[6] = Dropped
	f.log.Drop(6)
	delete(f.want, 6)
	check := func() {
		t.Helper()
		f.check()
		f.checkpoint()
		f.checkLive()
	}
	check()
	f.rebuild()
	check()
	// The entries that told of it go too.
	for range 20 {
		f.append(3000, 2)
	}
	f.deleteAll(2)
	f.relocate()
	check()
	f.rebuild()
	check()
	f.kill()
	check()
	f.close()
}

// epochs appends n batches of another size in a leader epoch.
func (f *fixture) epochs(id model.PartitionID, epoch model.LeaderEpoch, size, n int) {
	f.t.Helper()
	for range n {
		p := f.log.Partition(id)
		b, h := makeBatch(f.t, f.ends[id], 3, size)
		w := newWaiter()
		f.log.Enqueue(&Append{
			Partition: p, Kind: KindBatches, Epoch: epoch, BaseOffset: f.ends[id], Payload: b, Headers: []batch.Header{h},
			Sync: true, Generation: p.Generation(), Done: w,
		})
		if err := w.err(); err != nil {
			f.t.Fatal(err)
		}
		f.want[id] = append(f.want[id], b...)
		f.ends[id] += 3
	}
}

// The cold log's own segments are relocated and unlinked like any others.
func TestColdSegmentsGo(t *testing.T) {
	f := newFixture(t, relocating())
	round := func(ids ...model.PartitionID) {
		for range 5 {
			f.append(1000, ids...)
			for range 6 {
				f.append(3000, 3)
			}
		}
		f.deleteAll(3)
		f.relocate()
	}
	for range 10 {
		round(1, 2)
	}
	cold := len(f.files(coldPrefix))
	if cold < 4 {
		t.Fatalf("%d segments in the cold log", cold)
	}
	f.checkLive()
	f.deleteAll(2)
	if err := f.control(1, KindLogStart, 30, 1); err != nil {
		t.Fatal(err)
	}
	f.want[1] = f.want[1][len(f.want[1])*10/50:]
	f.relocate()
	f.relocate()
	if left := len(f.files(coldPrefix)); left >= cold {
		t.Errorf("%d segments in the cold log, there were %d", left, cold)
	}
	f.check()
	f.checkLive()
	f.kill()
	f.check()
	f.rebuild()
	f.check()
	f.deleteAll(1)
	for range 12 {
		f.append(3000, 3)
	}
	f.deleteAll(3)
	f.restart()
	f.relocate()
	if left := f.files(coldPrefix); len(left) > 0 {
		t.Errorf("nothing lives, and %v are left", left)
	}
	f.close()
}

// newLonelyFixture makes one whose old segments hold nothing that lives but one
// batch of partition 1.
func newLonelyFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, relocating())
	f.append(300, 1)
	for range 12 {
		f.append(3000, 2)
	}
	f.deleteAll(2)
	return f
}

// A place that was looked up before the batch moved is looked up again.
func TestReadOfWhatMoved(t *testing.T) {
	f := newLonelyFixture(t)
	p := f.log.Partition(1)
	f.checkpoint()
	old, err := p.entryAt(0)
	if err != nil {
		t.Fatal(err)
	}
	f.relocate()
	if e, err := p.entryAt(0); err != nil || logID(e.Log) == mainLog || e.TotalBytes != old.TotalBytes || e.RunningMax != old.RunningMax {
		t.Fatalf("entry %+v, was %+v; %v", e, old, err)
	}
	if _, _, err := f.log.readBatch(old); !errors.Is(err, errMoved) {
		t.Errorf("read at the old place: %v", err)
	}
	var out span.List
	w := wanted{extents: []extent{{place{mainLog, Position(old.Position)}, int(old.Length)}}}
	if err := p.readNext(&w, nil, true, &out); !errors.Is(err, errMoved) {
		t.Errorf("extent at the old place: %v", err)
	}
	s := recordSearch{from: 0, limit: 3, least: noTimestamp, first: true}
	if found, err := p.search(old, &s); err != nil || !found {
		t.Errorf("a search that began before the move: %v, %v", found, err)
	}
	f.close()
}

// A missing segment of the cold log is told, and nothing is changed.
func TestColdSegmentMissing(t *testing.T) {
	f := newLonelyFixture(t)
	f.relocate()
	f.close()
	before := f.files("")
	name := f.files(coldPrefix)[0]
	move := func(from, to string) {
		if err := f.disk.fs.Rename(path.Join(f.disk.dir, from), path.Join(f.disk.dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	move(name, "elsewhere")
	if _, _, err := Open(f.cfg, f.disk.env()); !errors.Is(err, errMissing) || !strings.Contains(err.Error(), name) {
		t.Errorf("got %v", err)
	}
	move("elsewhere", name)
	if after := f.files(""); !slices.Equal(before, after) {
		t.Errorf("files %v, were %v", after, before)
	}
	// A bit in its header costs nothing: the checkpoint knows the salt.
	if err := f.mem().FlipBit(path.Join(f.disk.dir, name), 13, 2); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.check()
	f.close()
}

// Damage in the cold log is told in a rebuild, and fenced to its batch.
func TestColdDamage(t *testing.T) {
	f := newFixture(t, relocating())
	for range 3 {
		f.append(300, 1)
		for range 12 {
			f.append(3000, 2)
		}
	}
	f.deleteAll(2)
	f.relocate()
	p := f.log.Partition(1)
	e, err := p.entryAt(3)
	if err != nil || logID(e.Log) == mainLog {
		t.Fatalf("%+v, %v", e, err)
	}
	// Another round proves the first durable.
	for range 3 {
		f.append(300, 1)
		for range 12 {
			f.append(3000, 2)
		}
	}
	f.deleteAll(2)
	f.relocate()
	seg := f.log.coldLog.segments.all().find(Position(e.Position))
	f.close()
	if err := f.mem().FlipBit(path.Join(f.disk.dir, seg.name), seg.offset(Position(e.Position))+70, 1); err != nil {
		t.Fatal(err)
	}
	f.remove(".index")
	found := f.open()
	if len(found.Corrupt) > 0 || len(found.ColdCorrupt) != 1 || found.ColdCorrupt[0].From > Position(e.Position) || found.ColdCorrupt[0].To <= Position(e.Position) {
		t.Errorf("found %+v, the batch is at %d", found, e.Position)
	}
	var out span.List
	if _, _, err := f.log.Partition(1).Read(ReadRequest{From: 3, Limit: 6, MaxBytes: 1 << 20}, &out); !errors.Is(err, ErrCorrupt) {
		t.Errorf("read of the damaged batch: %v", err)
	}
	size := len(f.want[1]) / 6
	if got := readAll(t, f.log.Partition(1), 6); !bytes.Equal(got, f.want[1][2*size:]) {
		t.Errorf("%d bytes behind the damage, want %d", len(got), len(f.want[1])-2*size)
	}
	f.close()
}

// Cold Positions are not given twice, whatever became of their segments.
func TestColdPositionsAreUsedOnce(t *testing.T) {
	f := newFixture(t, relocating())
	used := map[Position]bool{}
	for range 4 {
		f.append(300, 1)
		for range 12 {
			f.append(3000, 2)
		}
		f.deleteAll(2)
		f.relocate()
		for _, s := range f.log.coldLog.segments.all() {
			if s.live.Load() > 0 {
				if used[s.First] {
					t.Errorf("a segment at %d again", s.First)
				}
				used[s.First] = true
			}
		}
		f.deleteAll(1)
		f.restart()
		f.relocate()
		if left := f.files(coldPrefix); len(left) > 0 {
			t.Fatalf("%v are left", left)
		}
	}
	if len(used) != 4 {
		t.Errorf("%v", slices.Collect(maps.Keys(used)))
	}
	f.close()
}
