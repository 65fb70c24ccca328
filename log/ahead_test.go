package log

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// pagedFS is a disk with a page cache in front of its segments, of which it
// counts what the disk had to do.
type pagedFS struct {
	vfs.FS
	mu    sync.Mutex
	files []*pagedFile
	reads int          // from the disk
	ahead int          // blocks that were read ahead
	sizes atomic.Int64 // questions for the size of a file
	sends bool
}

// pagedFile is an open segment.
type pagedFile struct {
	vfs.File
	disk  *pagedFS
	pages map[int64]bool // guarded by the disk's mutex
}

const testPage = 4 << 10

func (d *pagedFS) Create(name string) (vfs.File, error) { return d.wrap(d.FS.Create(name)) }

func (d *pagedFS) OpenWritable(name string) (vfs.File, error) { return d.wrap(d.FS.OpenWritable(name)) }

func (d *pagedFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &pagedFile{File: file, disk: d, pages: make(map[int64]bool)}
	d.files = append(d.files, f)
	return f, nil
}

// evict empties the page cache.
func (d *pagedFS) evict() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		clear(f.pages)
	}
}

// cached is the number of bytes in the page cache.
func (d *pagedFS) cached() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		n += len(f.pages) * testPage
	}
	return n
}

// counts returns what the disk did since the last call.
func (d *pagedFS) counts() (reads, ahead int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	reads, ahead = d.reads, d.ahead
	d.reads, d.ahead = 0, 0
	return reads, ahead
}

// missing is how many pages of a range are not cached; with load they are then.
func (f *pagedFile) missing(off, n int64, load bool) (pages int) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for p := off / testPage; p*testPage < off+n; p++ {
		if !f.pages[p] {
			pages++
		}
		if load {
			f.pages[p] = true
		}
	}
	return pages
}

func (f *pagedFile) ReadAtCached(p []byte, off int64) (int, error) {
	if f.missing(off, int64(len(p)), false) > 0 {
		return 0, vfs.ErrWouldBlock
	}
	return f.File.ReadAtCached(p, off)
}

func (f *pagedFile) ReadAt(p []byte, off int64) (int, error) {
	if f.missing(off, int64(len(p)), true) > 0 {
		f.disk.mu.Lock()
		f.disk.reads++
		f.disk.mu.Unlock()
	}
	return f.File.ReadAt(p, off)
}

func (f *pagedFile) Cached(off, n int64) (int64, bool) {
	return max(0, n-testPage*int64(f.missing(off, n, false))), true
}

func (f *pagedFile) Size() (int64, error) {
	f.disk.sizes.Add(1)
	return f.File.Size()
}

// Descriptor has the log send from the file, if the disk is to be one that can.
// It is none: what is sent to memory is read.
func (f *pagedFile) Descriptor() (fd uintptr, ok bool) { return ^uintptr(0), f.disk.sends }

// What is read ahead is a block, or a piece that is read at once.
func (f *pagedFile) ReadAhead(off, n int64) {
	if f.missing(off, n, true) == 0 {
		return
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if n > aheadPieceMax {
		f.disk.ahead++
	} else {
		f.disk.reads++
	}
}

func (f *pagedFile) DropCache(off, n int64) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for p := (off + testPage - 1) / testPage; (p+1)*testPage <= off+n; p++ {
		delete(f.pages, p)
	}
}

// spread is a log in which many partitions have a batch in turn, each of about
// 16 KiB, and none of it is in memory.
func spread(t *testing.T, partitions, rounds int) (*fixture, *pagedFS) {
	t.Helper()
	f := newFixture(t, Config{RingBytes: 1})
	for range rounds {
		for id := range model.PartitionID(partitions) {
			f.append(16<<10/3, id+1)
		}
	}
	f.close()
	disk := &pagedFS{FS: f.mem()}
	f.disk.fs = disk
	f.open()
	disk.evict()
	disk.counts()
	return f, disk
}

// fetch reads what a partition gives from an offset on, and checks the bytes.
func (f *fixture) fetch(id model.PartitionID, from model.Offset) model.Offset {
	f.t.Helper()
	var out span.List
	defer out.Release()
	n, _, err := f.log.Partition(id).Read(ReadRequest{From: from, Limit: f.ends[id], MaxBytes: 1 << 20, MinOne: true}, &out)
	if err != nil || n == 0 {
		f.t.Fatalf("partition %d from %d: %d bytes, %v", id, from, n, err)
	}
	var got writtenBytes
	if _, err := out.WriteTo(&got); err != nil {
		f.t.Fatal(err)
	}
	each := len(f.want[id]) / int(f.ends[id]/3)
	at := int(from/3) * each
	if string(got) != string(f.want[id][at:at+n]) {
		f.t.Errorf("partition %d from %d: other bytes", id, from)
	}
	return from + model.Offset(n/each*3)
}

type writtenBytes []byte

func (b *writtenBytes) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

var _ io.Writer = (*writtenBytes)(nil)

// Whoever consumes all partitions of a log has it read block by block.
func TestManyPartitionsAreReadAhead(t *testing.T) {
	const partitions, rounds = 256, 4
	f, disk := spread(t, partitions, rounds)
	defer f.close()
	blocks := int(f.log.Stats().Written/aheadBlock) + 1
	next := make([]model.Offset, partitions)
	for left := true; left; {
		left = false
		for i := range partitions {
			// In another order than that of the log.
			id := model.PartitionID(i*97%partitions) + 1
			if next[id-1] < f.ends[id] {
				next[id-1] = f.fetch(id, next[id-1])
				left = true
			}
		}
	}
	reads, ahead := disk.counts()
	if ahead < blocks-1 || ahead > blocks+1 {
		t.Errorf("%d blocks were read ahead, of %d", ahead, blocks)
	}
	if most := 4 * blocks; reads > most {
		t.Errorf("%d reads for %d batches in %d blocks; want at most %d", reads, partitions*rounds, blocks, most)
	}
}

// Whoever reads one partition of many gets what it asked for, and the page
// cache stays as it was.
func TestOnePartitionIsNotReadAhead(t *testing.T) {
	f, disk := spread(t, 256, 4)
	defer f.close()
	for next := model.Offset(0); next < f.ends[7]; {
		next = f.fetch(7, next)
	}
	if reads, ahead := disk.counts(); ahead != 0 || reads == 0 {
		t.Errorf("%d blocks were read ahead, %d reads", ahead, reads)
	}
	if n, most := disk.cached(), 4*4*testPage; n > most {
		t.Errorf("%d bytes stay in the page cache; want at most %d, the pages at the ends", n, most)
	}
}

// What is in the page cache is not read, and not dropped.
func TestCachedIsNotReadAhead(t *testing.T) {
	f, disk := spread(t, 64, 2)
	defer f.close()
	// No more than was written: the segment's file is larger.
	written := int64(f.log.Stats().Written)
	for _, file := range disk.files {
		file.missing(0, segmentHeaderSize+written, true)
	}
	before := disk.cached()
	for id := range model.PartitionID(64) {
		f.fetch(id+1, 0)
	}
	if reads, ahead := disk.counts(); reads != 0 || ahead != 0 || disk.cached() != before {
		t.Errorf("%d reads, %d blocks read ahead, %d bytes cached of %d", reads, ahead, disk.cached(), before)
	}
}

// takeBlock has readers take so many pieces of a block that is not cached, and
// reports whether it was read ahead.
func takeBlock(a *ahead, block Position, pieces int) (loaded bool) {
	const piece = 16 << 10
	for i := range pieces {
		if a.touch(block+Position(i*piece), piece).look {
			loaded = a.looked(block, false).load || loaded
		}
	}
	return loaded
}

// Where little is taken of what is read ahead, less is.
func TestAheadLearns(t *testing.T) {
	a := newAhead()
	at := func(n int) Position { return Position(2*n) * aheadBlock } // no neighbours
	n := 0
	take := func(blocks, pieces int) (loaded int) {
		for range blocks {
			if takeBlock(a, at(n), pieces) {
				loaded++
			}
			n++
		}
		return loaded
	}
	const wave = 10 * aheadBlocks
	if got := take(wave, 3); got > 2*aheadBlocks {
		t.Errorf("%d of %d blocks were read ahead for 3 pieces each", got, wave)
	}
	if got := take(aheadBlocks, 3); got != 0 {
		t.Errorf("%d blocks are still read ahead in vain", got)
	}
	take(wave, 60)
	if got := take(10, 3); got != 10 {
		t.Errorf("%d of 10 blocks were read ahead after all of many was taken", got)
	}
}

// The lists have bounds, and what was read ahead leaves the page cache: once,
// and only that.
func TestAheadForgets(t *testing.T) {
	a := newAhead()
	over := make(map[Position]int)
	const blocks = 3 * touchedMax
	for n := range blocks {
		block := Position(2*n) * aheadBlock
		a.touch(block, 1000)
		if n%2 == 0 {
			continue
		}
		if s := a.touch(block+5000, aheadBlock/2); s.look {
			if s := a.looked(block, n%4 == 1); s.over {
				over[s.old]++
			}
		}
	}
	if n, most := len(a.mu.blocks), touchedMax+aheadBlocks; n > most || len(a.mu.touched) > touchedMax || len(a.mu.known) > aheadBlocks {
		t.Errorf("%d blocks are kept, %d touched, %d known", n, len(a.mu.touched), len(a.mu.known))
	}
	if want := (blocks/2 - aheadBlocks) / 2; len(over) != want {
		t.Errorf("%d blocks left the page cache; want %d", len(over), want)
	}
	for block, times := range over {
		if n := int(block / aheadBlock / 2); times != 1 || n%4 != 3 {
			t.Errorf("block %d left %d times", n, times)
		}
	}
}

// A block that was taken as a whole is looked at again before it is given to
// others; by then it may have left the page cache.
func TestAheadLooksAgain(t *testing.T) {
	a := newAhead()
	const pieces = 64
	for pass := range 3 {
		if !takeBlock(a, 0, pieces) {
			t.Errorf("pass %d: the block is not read", pass)
		}
	}
}

// Partitions go side by side while blocks are read ahead, and only then.
func TestReach(t *testing.T) {
	a := newAhead()
	if got := a.reach(5); got != positionMax {
		t.Errorf("reach %d before anything was read", got)
	}
	takeBlock(a, 0, 2)
	if got := a.reach(5); got != 5+aheadReach {
		t.Errorf("reach %d in a scan", got)
	}
	cachedBlock := Position(9) * aheadBlock
	a.touch(cachedBlock, 10)
	if a.touch(cachedBlock+20, 10).look {
		a.looked(cachedBlock, true)
	}
	if got := a.reach(cachedBlock); got != positionMax {
		t.Errorf("reach %d where all is in the page cache", got)
	}
	for i := range Position(scanTouches) {
		a.touch((100+2*i)*aheadBlock, 10)
	}
	if got := a.reach(50 * aheadBlock); got != positionMax {
		t.Errorf("reach %d after the scan", got)
	}
	if got := a.reach(5); got != 5+aheadReach {
		t.Errorf("reach %d in a block that was read ahead", got)
	}
}
