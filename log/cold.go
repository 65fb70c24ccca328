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
)

const (
	// coldBytes is the pooled memory that answers read from files may hold.
	coldBytes = 32 << 20
	// coldChunk is the memory that small reads share, up to coldSmall each.
	// Thousands of buffers of their own would be as much for the collector to
	// keep, and twice that before it runs; a chunk is mapped, and given back.
	coldChunk = 128 << 10
	coldSmall = coldChunk / 4
	// coldSpans is how many pieces of files a partition gives to an answer while
	// answers hold all of that memory: each piece is to be remembered too.
	coldSpans = 128
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
	pool       *span.Pool
	gate       *gate
	reads      atomic.Uint64
	bytes      atomic.Uint64 // from the disk
	ahead      *ahead
	behind     *behind
	segmentsOf func(logID) *segments
	written    func() Position // the log's end

	chunk struct {
		sync.Mutex
		buffer *span.Buffer // nil: none yet
		left   []byte       // what of it nobody has had
	}
}

func newColdLane(g *gate, segmentsOf func(logID) *segments, written func() Position) *coldLane {
	// The pool's own budget would make a read wait; memory looks at coldBytes.
	return &coldLane{
		pool: span.NewPool(math.MaxInt64), gate: g,
		ahead: newAhead(), behind: newBehind(), segmentsOf: segmentsOf, written: written,
	}
}

// sendAll adds a run that the kernel is to send from the page cache, where it
// is by now, so that an error of the disk was told. Pages that go again before
// it is their turn make that one answer wait for the disk.
//
// It is for what is long, and for when answers hold all the memory there is:
// they may be those of clients that do not read, and others must get theirs.
func (c *coldLane) sendAll(r *run, out *span.List) error {
	for _, x := range r.extents {
		if !r.seg.acquire() {
			return errMoved // it is held, so this does not happen
		}
		out.AddFile(r.seg.file, r.seg.offset(x.at.at), x.n)
		out.AddPin(r.seg)
	}
	return nil
}

// scratch is memory for what is read and forgotten. So much above the budget is
// used only by the few whose turn it is, and those who wait for theirs.
func (c *coldLane) scratch() (*span.Buffer, error) {
	return c.pool.Get(context.Background(), coldChunk) //nolint:wrapcheck // It names itself.
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

// prepare has the block read ahead in which a small read lies, if others meet
// there, and says what is known of it. In the cold log nothing is read ahead:
// what few live of an old segment stands close together there, and the blocks
// that are known are Positions of the main log.
func (c *coldLane) prepare(who *Reader, seg *segment, at Position, n int) aheadStep {
	if n > aheadPieceMax || seg.Log != mainLog {
		return aheadStep{}
	}
	block := blockAt(at)
	next := c.ahead.touch(at, n)
	if next.look {
		from, to := c.clip(seg, block)
		next = c.ahead.looked(block, to <= from || cached(seg.file, from, int(to-from)))
		if next.load {
			// An error shows to who reads the piece that it is about.
			_ = c.warm(who, seg.file, from, int(to-from))
		}
	}
	if next.over {
		c.drop(extent{place{mainLog, next.old}, aheadBlock})
	}
	return next
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
	end := min(block+aheadBlock, c.segmentsOf(mainLog).all().endOf(seg, c.written()))
	return seg.offset(first), seg.offset(max(first, end))
}

// readError tells a file that has lost its end, which is damage, from a disk
// that fails.
func readError(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file ends early: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("read log: %w", err)
}
