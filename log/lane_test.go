package log

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// backlog is a log of one partition, with batches of about 16 KiB of which
// none is in memory, and a page cache that cold reads may take little of.
func backlog(t *testing.T, batches int) (*fixture, *pagedFS) {
	t.Helper()
	f := newFixture(t, Config{RingBytes: 1})
	for range batches {
		f.append(16<<10/3, 1)
	}
	f.close()
	disk := &pagedFS{FS: f.mem()}
	f.disk.fs = disk
	f.open()
	f.log.cold.behind.budget, f.log.cold.behind.spare = 256<<10, 1<<20
	disk.evict()
	disk.counts()
	return f, disk
}

// Batches with little between them are read at once, and what was read for one
// reader leaves the page cache behind it.
func TestBacklogIsReadInRuns(t *testing.T) {
	const batches = 500
	f, disk := backlog(t, batches)
	defer f.close()
	who := &Reader{Key: 1}
	next, answers, most := model.Offset(0), 0, 0
	for next < f.ends[1] {
		var out span.List
		n, _, err := f.log.Partition(1).Read(ReadRequest{From: next, Limit: f.ends[1], MaxBytes: 1 << 20, MinOne: true, Reader: who}, &out)
		if err != nil || n == 0 {
			t.Fatalf("from %d: %d bytes, %v", next, n, err)
		}
		out.Release()
		each := len(f.want[1]) / batches
		next += model.Offset(n / each * 3)
		answers++
		most = max(most, disk.cached())
	}
	if reads, ahead := disk.counts(); reads+ahead > 2*answers {
		t.Errorf("%d reads for %d answers", reads+ahead, answers)
	}
	written := int64(f.log.Stats().Written)
	if who.FromDisk < written*9/10 || who.FromDisk > written*11/10 {
		t.Errorf("%d bytes of %d were read from the disk", who.FromDisk, written)
	}
	// An answer, what stays for others, and the end of the log.
	if limit := 1<<20 + 256<<10 + 2<<20; most > limit {
		t.Errorf("%d bytes of the page cache are used; want at most %d", most, limit)
	}
	end := disk.cached()
	f.fetch(1, f.ends[1]-30)
	if disk.cached() != end {
		t.Error("the end of the log has left the page cache")
	}
}

// What others have in the page cache stays there when a reader of old data
// comes by.
func TestBacklogLeavesWhatWasThere(t *testing.T) {
	f, disk := backlog(t, 300)
	defer f.close()
	const from, n = 1 << 20, 512 << 10
	for _, file := range disk.files {
		file.missing(from, n, true)
	}
	before := disk.cached()
	for next := model.Offset(0); next < f.ends[1]; {
		next = f.fetch(1, next)
	}
	kept := 0
	for _, file := range disk.files {
		kept = max(kept, n-testPage*file.missing(from, n, false))
	}
	if kept < n*9/10 || before < n {
		t.Errorf("%d bytes of %d are still in the page cache", kept, n)
	}
}

// The same for a long batch, which is sent from the file where it is wholly in
// the page cache, and read where it is not.
func TestBacklogLeavesMostOfALongBatch(t *testing.T) {
	const long, page = 512 << 10, testPage
	for name, c := range map[string]struct {
		evicted int64 // of the batch's bytes, in the middle
		kept    bool
	}{
		"all of it cached": {0, true},
		"most of it":       {long / 10, true},
		"little of it":     {long * 9 / 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, disk := longBacklog(t, long)
			defer f.close()
			file := disk.files[0]
			const from = 2 * page
			file.missing(0, long+from, true)
			file.DropCache(from+(long-c.evicted)/2, c.evicted)
			before := long + from - page*file.missing(0, long+from, false)
			f.fetch(1, 0)
			if reads, ahead := disk.counts(); (reads+ahead > 0) != (c.evicted > 0) {
				t.Errorf("%d reads, %d blocks read ahead", reads, ahead)
			}
			for next := model.Offset(0); next < f.ends[2]; {
				next = f.fetch(2, next)
			}
			after := long + from - page*file.missing(0, long+from, false)
			if kept := after >= before; kept != c.kept {
				t.Errorf("%d bytes of %d are still in the page cache", after, before)
			}
		})
	}
}

// longBacklog has one long batch of partition 1, and behind it what it takes to
// drive it out of the page cache.
func longBacklog(t *testing.T, size int) (*fixture, *pagedFS) {
	t.Helper()
	f := newFixture(t, Config{RingBytes: 1})
	f.append(size, 1)
	for range 200 {
		f.append(16<<10, 2)
	}
	f.close()
	disk := &pagedFS{FS: f.mem(), sends: true}
	f.disk.fs = disk
	f.open()
	f.log.cold.behind.budget, f.log.cold.behind.spare = 256<<10, 1<<20
	disk.evict()
	disk.counts()
	return f, disk
}

// Who reads what is in memory does not wait for those who read from the disk,
// and a log that ends lets all of them end.
func TestLiveReadsPassColdOnes(t *testing.T) {
	f := newFixture(t, Config{RingBytes: 1 << 20})
	const cold = 3 * gateWide
	for id := range model.PartitionID(cold) {
		f.append(100_000, id+1)
	}
	f.close()
	disk := vfs.NewFault(f.mem(), nil)
	f.disk.fs = disk
	f.open()
	f.append(1000, 100) // in the ring
	begun, held := make(chan struct{}, 1), make(chan struct{})
	disk.SetHook(func(op vfs.Op) error {
		if !strings.HasSuffix(op.Name, segmentSuffix) {
			return nil
		}
		switch op.Kind { //nolint:exhaustive // The others go through.
		case vfs.KindReadCached:
			return vfs.ErrWouldBlock
		case vfs.KindRead:
			select {
			case begun <- struct{}{}:
			default:
			}
			<-held
		}
		return nil
	})
	var reading sync.WaitGroup
	errs := make([]error, cold)
	for i := range cold {
		reading.Go(func() {
			var out span.List
			defer out.Release()
			n, _, err := f.log.Partition(model.PartitionID(i+1)).Read(
				ReadRequest{Limit: 3, MaxBytes: 1 << 20, MinOne: true, Reader: &Reader{Key: uint64(i)}}, &out)
			if n == 0 {
				err = errors.Join(err, errors.New("nothing"))
			}
			errs[i] = err
		})
	}
	<-begun
	readAll(t, f.log.Partition(100), 0)
	f.append(1000, 100) // the writer does not wait either
	close(held)
	reading.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := f.log.cold.pool.InUse(); n > coldChunk {
		t.Errorf("%d bytes are still held", n)
	}
	disk.SetHook(nil)
	f.close()
}

// A bad spot in a run fails only what it is in: what stands before it is served.
func TestRunBeforeBadSpot(t *testing.T) {
	f := newFixture(t, Config{RingBytes: 1})
	for range 10 {
		f.append(5000, 1)
	}
	bad := f.batchEntries()[4]
	off := f.chain().find(bad.Position).offset(bad.Position) + 1000
	f.close()
	disk := vfs.NewFault(f.mem(), nil)
	f.disk.fs = disk
	f.open()
	disk.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindRead && strings.HasSuffix(op.Name, segmentSuffix) && op.Off <= off && off < op.Off+int64(op.Bytes) {
			return vfs.ErrIO
		}
		if op.Kind == vfs.KindReadCached {
			return vfs.ErrWouldBlock
		}
		return nil
	})
	next := model.Offset(0)
	var failed error
	for failed == nil && next < f.ends[1] {
		var out span.List
		n, _, err := f.log.Partition(1).Read(ReadRequest{From: next, Limit: f.ends[1], MaxBytes: 1 << 20, MinOne: true}, &out)
		out.Release()
		failed = err
		next += model.Offset(n / (len(f.want[1]) / 10) * 3)
	}
	if next != 12 || !errors.Is(failed, vfs.ErrIO) {
		t.Errorf("read up to %d, then %v; want 12 and an error of the disk", next, failed)
	}
	disk.SetHook(nil)
	f.close()
}
