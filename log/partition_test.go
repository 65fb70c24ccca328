package log

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// stored is a batchReader that serves one batch whatever is asked for.
type stored struct {
	bytes []byte
	err   error
}

func (s *stored) readBatch(index.Entry) ([]byte, func(), error) { return s.bytes, func() {}, s.err }

// plain applies n batches of ten records each.
func plain(p *PartitionLog, at Position, n int) {
	for range n {
		p.applyBatches(batchesApplied{Entry: at, Distance: 96, AppendTime: 100, Headers: []batch.Header{{
			BaseOffset: p.End(), Size: 500, LastOffsetDelta: 9, ProducerID: -1, MaxTimestamp: int64(p.End()),
		}}})
		at += 600
	}
}

func memoryFiles(t *testing.T) (*vfs.Mem, *indexFiles) {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("/log"); err != nil {
		t.Fatal(err)
	}
	return fs, newIndexFiles(fs, "/log", 0)
}

func TestDurableEnd(t *testing.T) {
	t.Parallel()
	p := newPartitionLog(1, &Log{})
	plain(p, 0, 10) // entries at 0, 600, ... 5400
	p.setDurable(1200, 30)
	if got := p.DurableEnd(); got != 30 {
		t.Fatalf("durable to %d", got)
	}
	p.setDurable(600, 20) // never back
	p.applyTruncate(6000, 50, 1)
	plain(p, 6100, 2)
	p.setDurable(5400, 100) // what was at 50 to 70 then is not what is there now
	if got := p.DurableEnd(); got != 30 {
		t.Errorf("a report from before the truncation made it durable to %d", got)
	}
	p.setDurable(6000, 50)
	p.setDurable(6100, 60)
	if got := p.DurableEnd(); got != 60 {
		t.Errorf("durable to %d after the truncation", got)
	}
	p.applyTruncate(8000, 20, 2)
	if got := p.DurableEnd(); got != 20 {
		t.Errorf("durable to %d, cut to 20", got)
	}
}

func TestHole(t *testing.T) {
	t.Parallel()
	p := newPartitionLog(1, &Log{})
	plain(p, 0, 2)
	p.applyHole(1200, 40)
	if p.End() != 40 || p.positions().Batches != 1200 {
		t.Fatalf("end %d, newest batch at %d", p.End(), p.positions().Batches)
	}
	plain(p, 1800, 1)
	it, err := p.iterate(25)
	if err != nil {
		t.Fatal(err)
	}
	if e, _, ok, err := it.next(); err != nil || !ok || e.BaseOffset != 40 {
		t.Errorf("the next above the hole: %+v, %v, %v", e, ok, err)
	}
}

// A base below the end cuts, as the lost truncate entry did.
func TestImpliedTruncation(t *testing.T) {
	t.Parallel()
	p := newPartitionLog(1, &Log{})
	plain(p, 0, 5)
	p.applyBatches(batchesApplied{Entry: 9000, Epoch: 2, Headers: []batch.Header{{BaseOffset: 20, Size: 100, ProducerID: -1}}})
	if p.End() != 21 || p.Bytes() != 1100 || p.positions().Truncate != noPosition {
		t.Errorf("end %d, %d bytes, truncate at %d", p.End(), p.Bytes(), p.positions().Truncate)
	}
}

// A state entry is all that is left of a partition whose segments are gone.
func TestStateEntryRestoresAnEmptyPartition(t *testing.T) {
	t.Parallel()
	p := newPartitionLog(1, &Log{})
	plain(p, 0, 5)
	p.applyLogStart(4000, 50, 3)
	q := newPartitionLog(1, &Log{})
	if err := q.applyState(5000, p.stateEntry(), 3); err != nil {
		t.Fatal(err)
	}
	if q.Start() != 50 || q.End() != 50 || q.Bytes() != 0 || q.lastEpoch() != 3 || q.positions().State != 5000 {
		t.Errorf("[%d, %d), %d bytes, epoch %d, at %+v", q.Start(), q.End(), q.Bytes(), q.lastEpoch(), q.positions())
	}
	plain(q, 6000, 1)
	if q.Bytes() != 500 {
		t.Errorf("%d bytes after the first batch", q.Bytes())
	}
	if err := q.applyState(7000, []byte("junk"), 3); err == nil {
		t.Error("junk was taken for a state")
	}
}

func TestRebuiltIndexHidesOlderFiles(t *testing.T) {
	t.Parallel()
	_, files := memoryFiles(t)
	write := func(l *Log) {
		if _, err := files.write(l.shared.dirty.snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	l := &Log{}
	plain(newPartitionLog(1, l), 0, 5)
	write(l)
	l = &Log{}
	p := newPartitionLog(1, l)
	p.rebuild()
	plain(p, 100_000, 3)
	write(l)
	q := newPartitionLog(1, &Log{})
	if err := files.load(func(model.PartitionID) *PartitionLog { return q }); err != nil {
		t.Fatal(err)
	}
	it, err := q.iterate(0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		e, fromDisk, ok, err := it.next()
		if err != nil || ok != (i < 3) || ok && (e.Position < 100_000 || !fromDisk) {
			t.Errorf("entry %d: %+v, %v, %v", i, e, ok, err)
		}
	}
}

func TestFilesOfFallenCheckpointsAreSwept(t *testing.T) {
	t.Parallel()
	fs, files := memoryFiles(t)
	l := &Log{}
	p := newPartitionLog(1, l)
	var checkpoints []*checkpoint
	for range 3 {
		plain(p, 0, 1)
		if _, err := files.write(l.shared.dirty.snapshot()); err != nil {
			t.Fatal(err)
		}
		checkpoints = append(checkpoints, &checkpoint{Indexes: files.list()})
	}
	again := newIndexFiles(fs, "/log", 0)
	if err := again.open(checkpoints[0].Indexes); err != nil {
		t.Fatal(err)
	}
	removed, err := again.sweep(checkpoints[0], checkpoints[1])
	if err != nil || len(removed) != 1 || removed[0] != index.FileName(3) {
		t.Fatalf("removed %v, %v", removed, err)
	}
	for range checkpointsKept { // the second file is named by checkpoint 1 only, which is dropped then
		again.list()
		if err := again.checkpointed(); err != nil {
			t.Fatal(err)
		}
	}
	names, err := fs.List("/log")
	if err != nil || len(names) != 1 || names[0] != index.FileName(1) {
		t.Errorf("left: %v, %v", names, err)
	}
	if err := again.open([]checkpointIndex{{ID: 2}}); err == nil {
		t.Error("a checkpoint that names a missing file was opened")
	}
	wrong := checkpoints[0].Indexes[0]
	wrong.DirectoryCRC++
	if err := again.open([]checkpointIndex{wrong}); !errors.Is(err, index.ErrCorrupt) {
		t.Errorf("a file that is not the one meant: %v", err)
	}
}

// Damage in an index file is told as damage, and does not stop the writer.
func TestDamagedIndexEntry(t *testing.T) {
	t.Parallel()
	fs, files := memoryFiles(t)
	l := &Log{}
	p := newPartitionLog(1, l)
	plain(p, 0, 3)
	if _, err := files.write(l.shared.dirty.snapshot()); err != nil {
		t.Fatal(err)
	}
	for entry := range int64(3) {
		if err := fs.FlipBit("/log/"+index.FileName(1), (1+entry)*index.EntrySize+8, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.iterate(10); !errors.Is(err, ErrCorrupt) {
		t.Errorf("iterate: %v", err)
	}
	if _, _, err := p.MaxTimestamp(30); !errors.Is(err, ErrCorrupt) {
		t.Errorf("MaxTimestamp: %v", err)
	}
	p.applyLogStart(2000, 10, 1)
	p.applyTruncate(2100, 20, 1)
	if p.Start() != 10 || p.End() != 20 {
		t.Errorf("[%d, %d)", p.Start(), p.End())
	}
}

// Readers walk on while entries are appended, checkpointed and merged away
// under them, and see every offset once.
func TestReadersDuringMerges(t *testing.T) {
	t.Parallel()
	_, files := memoryFiles(t)
	files.levelFiles = 2
	l := &Log{}
	p := newPartitionLog(1, l)
	plain(p, 0, 1)
	var running sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					readAllOnce(t, p)
				}
			}
		})
	}
	for range 20 {
		plain(p, Position(p.End())*100, 100)
		if _, err := files.write(l.shared.dirty.snapshot()); err != nil {
			t.Fatal(err)
		}
		if _, err := files.merge(func(model.PartitionID) *PartitionLog { return p }); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	running.Wait()
	readAllOnce(t, p)
}

func readAllOnce(t *testing.T, p *PartitionLog) {
	t.Helper()
	end, at := p.End(), model.Offset(0)
	it, err := p.iterate(0)
	if err != nil {
		t.Error(err)
		return
	}
	defer it.close()
	for at < end {
		e, _, ok, err := it.next()
		if err != nil || !ok || e.BaseOffset != at {
			t.Errorf("at %d of %d: %+v, %v, %v", at, end, e, ok, err)
			return
		}
		at = e.LastOffset() + 1
	}
}

// A damaged file is left out of merging, is told once, and the others go on.
func TestMergeAroundADamagedFile(t *testing.T) {
	t.Parallel()
	fs, files := memoryFiles(t)
	files.levelFiles = 2
	l := &Log{}
	p := newPartitionLog(1, l)
	for i := range 7 {
		plain(p, Position(i*1000), 3)
		if _, err := files.write(l.shared.dirty.snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	if err := fs.FlipBit("/log/"+index.FileName(4), index.EntrySize+8, 0); err != nil {
		t.Fatal(err)
	}
	find := func(model.PartitionID) *PartitionLog { return p }
	told := 0
	for more := true; more; {
		var err error
		if more, err = files.merge(find); err == nil {
			continue
		}
		if told++; !errors.Is(err, index.ErrCorrupt) || !strings.Contains(err.Error(), index.FileName(4)+" will not be merged") {
			t.Fatal(err)
		}
	}
	var got []string
	for _, f := range files.snapshot() {
		got = append(got, fmt.Sprintf("%d:%d", f.Meta().Level, f.Entries()))
	}
	// 1 and 2; 3; the damaged one; 5 and 6; 7.
	if want := "1:6 0:3 0:3 1:6 0:3"; told != 1 || strings.Join(got, " ") != want {
		t.Errorf("told %d times; files are %v, want %s", told, got, want)
	}
}
