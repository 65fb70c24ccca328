package log

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

const (
	// coldReaders is how many reads wait for the disk at once. More would only
	// delay the writer's syncs.
	coldReaders = 4
	// coldBytes is the pooled memory that answers read from files may hold.
	coldBytes = 32 << 20
	// coldChunk is the memory that small reads share, up to coldSmall each.
	// Thousands of buffers of their own would be as much for the collector to
	// keep, and twice that before it runs; a chunk is mapped, and given back.
	coldChunk = 128 << 10
	coldSmall = coldChunk / 4
)

// errBusy ends an answer early: it has something already, the memory for more
// is held by answers on their way to slow clients, and the kernel can not send
// from the file.
var errBusy = errors.New("no memory for more of the answer")

// coldLane reads into memory: small extents that are in the page cache, and
// all that is not. What it had to fetch from the disk it drops from the cache
// again, so that a reader of old data does not evict what is live.
//
// It never waits for memory: answers hold several buffers at once, so waiting
// for one another they would stand still.
type coldLane struct {
	pool     *span.Pool
	turns    chan struct{}
	reads    atomic.Uint64
	ahead    *ahead
	segments *segments
	written  func() Position // the log's end

	chunk struct {
		sync.Mutex
		buffer *span.Buffer // nil: none yet
		left   []byte       // what of it nobody has had
	}
}

func newColdLane(s *segments, written func() Position) *coldLane {
	// The pool's own budget would make a read wait; memory looks at coldBytes.
	return &coldLane{
		pool: span.NewPool(math.MaxInt64), turns: make(chan struct{}, coldReaders),
		ahead: newAhead(), segments: s, written: written,
	}
}

// read adds n bytes at a Position to out, read before it returns, so that an
// error of the disk can still be told to the client.
func (c *coldLane) read(seg *segment, at Position, n int, needed bool, out *span.List) error {
	b, pin, err := c.memory(n, needed)
	if errors.Is(err, errBusy) {
		return c.send(seg, at, n, out)
	}
	if err != nil {
		return err
	}
	if err := c.fill(seg, at, b, c.prepare(seg, at, n)); err != nil {
		pin.Release()
		return err
	}
	out.AddMem(b)
	out.AddPin(pin)
	return nil
}

// send adds bytes that the kernel is to send from the page cache, into which it
// reads them first, so that an error of the disk can still be told. It is for
// when answers hold all the memory there is: they may be those of clients that
// do not read, and others must get theirs. Pages that go again before it is
// their turn make that one answer wait for the disk.
func (c *coldLane) send(seg *segment, at Position, n int, out *span.List) error {
	if _, ok := seg.file.Descriptor(); !ok || !seg.acquire() {
		return errBusy
	}
	c.prepare(seg, at, n)
	off := seg.offset(at)
	if !cached(seg.file, off, n) {
		if err := c.warm(seg, off, n); err != nil {
			seg.Release()
			return err
		}
	}
	out.AddFile(seg.file, off, n)
	out.AddPin(seg)
	return nil
}

// warm reads a range and forgets it. So much memory above the budget is used
// only by the few who have their turn.
func (c *coldLane) warm(seg *segment, off int64, n int) error {
	c.turns <- struct{}{}
	defer func() { <-c.turns }()
	b, err := c.pool.Get(context.Background(), coldChunk)
	if err != nil {
		return fmt.Errorf("memory for a read: %w", err)
	}
	defer b.Release()
	c.reads.Add(1)
	for n > 0 {
		part := b.B[:min(n, len(b.B))]
		if _, err := seg.file.ReadAt(part, off); err != nil {
			return readError(err)
		}
		off, n = off+int64(len(part)), n-len(part)
	}
	return nil
}

// memory returns n bytes. The first part of an answer (needed) always gets some.
func (c *coldLane) memory(n int, needed bool) ([]byte, span.Pin, error) {
	if n > coldSmall {
		b, err := c.buffer(n, needed)
		if err != nil {
			return nil, nil, err
		}
		return b.B, b, nil
	}
	c.chunk.Lock()
	defer c.chunk.Unlock()
	if len(c.chunk.left) < n {
		b, err := c.buffer(coldChunk, needed)
		if err != nil {
			return nil, nil, err
		}
		c.dropChunkLocked()
		c.chunk.buffer, c.chunk.left = b, b.B
	}
	b := c.chunk.left[:n:n]
	c.chunk.left = c.chunk.left[n:]
	c.chunk.buffer.Retain()
	return b, c.chunk.buffer, nil
}

// dropChunkLocked lets go of the chunk; those who have a part of it still hold it.
func (c *coldLane) dropChunkLocked() {
	if c.chunk.buffer != nil {
		c.chunk.buffer.Release()
	}
	c.chunk.buffer, c.chunk.left = nil, nil
}

// trim gives back memory that was not needed since the last call.
func (c *coldLane) trim() {
	c.chunk.Lock()
	c.dropChunkLocked()
	c.chunk.Unlock()
	c.pool.Trim()
}

// buffer returns memory of its own.
func (c *coldLane) buffer(n int, needed bool) (*span.Buffer, error) {
	// Two that look at once may both go over; the budget is no hard line.
	if !needed && c.pool.InUse()+int64(n) > coldBytes {
		return nil, errBusy
	}
	b, err := c.pool.Get(context.Background(), n)
	if err != nil {
		return nil, fmt.Errorf("memory for a read: %w", err)
	}
	return b, nil
}

// fill reads b from memory, and what is missing from the disk.
// shared: others will come for what is read with it.
func (c *coldLane) fill(seg *segment, at Position, b []byte, shared bool) error {
	f, off := seg.file, seg.offset(at)
	n, err := f.ReadAtCached(b, off)
	if err == nil {
		return nil
	}
	if !errors.Is(err, vfs.ErrWouldBlock) {
		return readError(err)
	}
	c.turns <- struct{}{}
	defer func() { <-c.turns }()
	c.reads.Add(1)
	if _, err := f.ReadAt(b[n:], off+int64(n)); err != nil {
		return readError(err)
	}
	if !shared {
		f.DropCache(off+int64(n), int64(len(b)-n))
	}
	return nil
}

// prepare has the block read ahead in which a small read lies, if others meet
// there, and reports whether it was: then its pages are for others too. In the
// cold log nothing is read ahead: what few live of an old segment stands close
// together there, and the blocks that are known are Positions of the main log.
func (c *coldLane) prepare(seg *segment, at Position, n int) (shared bool) {
	if n > aheadPieceMax || seg.Log != mainLog {
		return false
	}
	block := blockAt(at)
	next := c.ahead.touch(at, n)
	if next.look {
		from, to := c.clip(seg, block)
		next = c.ahead.looked(block, to <= from || cached(seg.file, from, int(to-from)))
		if next.load {
			seg.file.ReadAhead(from, to-from)
		}
	}
	if next.over {
		c.drop(next.old)
	}
	return next.shared
}

// reach is how far a reader that begins at a place goes along the main log in
// one answer.
func (c *coldLane) reach(at place) Position {
	if at.log != mainLog {
		return positionMax
	}
	return c.ahead.reach(at.at)
}

// clip is where in the file the block that begins at a Position stands, as far
// as it was written.
func (c *coldLane) clip(seg *segment, block Position) (from, to int64) {
	first := max(block, seg.First)
	end := min(block+aheadBlock, c.segments.all().endOf(seg, c.written()))
	return seg.offset(first), seg.offset(max(first, end))
}

// drop takes a block that was read ahead out of the page cache again.
func (c *coldLane) drop(block Position) {
	if seg := c.segments.pin(block); seg != nil {
		if from, to := c.clip(seg, block); to > from { // a length of 0 means all
			seg.file.DropCache(from, to-from)
		}
		seg.Release()
	}
}

// readError tells a file that has lost its end, which is damage, from a disk
// that fails.
func readError(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file ends early: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("read log: %w", err)
}
