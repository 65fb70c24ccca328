package log

import (
	"math/rand/v2"
	"path"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// garbageSize is what a torn write leaves behind the end in these tests.
const garbageSize = 600

// leftBehind has the segment that follows the first one, which was left early,
// die and be reclaimed; a start without indexes then has to tell by the first
// one alone where it ends.
func (f *fixture) leftBehind(second Position, seed uint64) {
	f.t.Helper()
	for f.log.segments.all().last().First == second {
		f.append(1500, 2)
	}
	f.append(1500, 2)
	if err := f.control(2, KindLogStart, f.ends[2]-3, 9); err != nil {
		f.t.Fatal(err)
	}
	if _, _, err := f.log.Reclaim(); err != nil {
		f.t.Fatal(err)
	}
	for _, s := range f.log.segments.all() {
		if s.First == second {
			f.t.Fatal("the second segment is still there")
		}
	}
	mem := f.mem()
	if seed == 0 {
		f.disk.fs = mem.Kill()
	} else {
		f.disk.fs = mem.PowerCut(rand.New(rand.NewPCG(seed, 0)))
	}
	f.stop()
	f.remove(".index")
	found := f.open()
	if !found.RebuiltIndex || len(found.Corrupt) > 0 || found.TornBytes > 0 {
		f.t.Errorf("%+v", *found)
	}
	for id, end := range f.ends {
		p := f.log.Partition(id)
		if p.End() != end || p.Refused() != nil {
			f.t.Errorf("partition %d ends at %d, not %d; refused: %v", id, p.End(), end, p.Refused())
		}
	}
	f.close()
}

// failWrite has the first append of a new life leave garbage behind the end of
// the log.
func (f *fixture) failWrite(id model.PartitionID) {
	f.t.Helper()
	mem, fault := f.openFaulty()
	fault.SetHook(vfs.ShortNth(fault.Count(vfs.KindWrite)+1, garbageSize, vfs.ErrIO))
	if err := appendTo(f.t, f.log, f.log.Partition(id), f.ends[id], 3, 1500).err(); err == nil {
		f.t.Fatal("the write did not fail")
	}
	f.disk.fs = mem
}

// What a failed write left is not there any more once the segment that the log
// went on in is reclaimed: neither as damage nor as entries.
func TestFailedWriteIsCutOff(t *testing.T) {
	for seed := range uint64(16) {
		testFailedWriteIsCutOff(t, seed)
	}
}

func testFailedWriteIsCutOff(t *testing.T, seed uint64) {
	t.Helper()
	f := newFixture(t, Config{SegmentBytes: 16 << 10, RingBytes: 1})
	f.knowUpTo(2)
	f.append(1500, 1, 2)
	written := f.log.syncer.end()
	f.failWrite(2)
	f.append(1500, 2) // in another segment
	second := f.log.segments.all().last().First
	if second < written {
		t.Fatal("the log went on in the same segment")
	}
	f.leftBehind(second, seed)
}

// Nor does the next life go on in front of it, if this one ends first.
func TestFailedWriteIsCutOffAtTheEnd(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 16 << 10})
	f.append(1500, 1)
	f.failWrite(1)
	last := f.log.segments.all().last()
	name, end := last.name, last.offset(f.log.syncer.end())
	f.close()
	if size, err := f.mem().Size(path.Join(f.disk.dir, name)); err != nil || size != end {
		t.Errorf("%d bytes, %v; the log ends at %d", size, err, end)
	}
	if found := f.open(); found.Unclean {
		t.Errorf("%+v", *found)
	}
	f.append(1500, 1)
	f.check()
	f.close()
}

// The same of what a crash tore, which the start after it cuts off.
func TestTornTailIsCutOff(t *testing.T) {
	for seed := range uint64(16) {
		testTornTailIsCutOff(t, seed)
	}
}

func testTornTailIsCutOff(t *testing.T, seed uint64) {
	t.Helper()
	f := newStillFixture(t, Config{SegmentBytes: 16 << 10, RingBytes: 1})
	f.knowUpTo(2)
	f.append(1500, 1, 2)
	last := f.log.segments.all().last()
	name, at := last.name, last.offset(f.log.syncer.end())
	f.killWithoutCheckpoint()
	file, err := f.mem().OpenWritable(path.Join(f.disk.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	garbage := make([]byte, garbageSize)
	for i := range garbage {
		garbage[i] = byte(i) | 1
	}
	if _, err := file.WriteAt(garbage, at); err != nil {
		t.Fatal(err)
	}
	if err := file.Datasync(); err != nil {
		t.Fatal(err)
	}
	if found := f.open(); !found.Unclean {
		t.Fatalf("%+v", *found)
	}
	f.leftBehind(f.log.segments.all().last().First, seed)
}
