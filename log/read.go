package log

import (
	"errors"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
)

// ReadRequest asks for whole batches.
type ReadRequest struct {
	From     model.Offset // the batch that holds it comes first, or the next where compaction left none
	Limit    model.Offset // exclusive: no batch that reaches to or past it
	MaxBytes int          // stop before exceeding it...
	MinOne   bool         // ...but give the first batch whatever its size (KIP-74)
	Reader   *Reader      // who asks; nil: nobody in particular
}

const (
	// fileSpanMin is the least extent that goes to the socket by sendfile: below
	// it one system call costs more than copying.
	fileSpanMin = 64 << 10
	// probeStride is how far apart an extent is probed for being in the page
	// cache. The kernel reads and drops at about this grain.
	probeStride = 256 << 10
)

// offsetRange is [from, to).
type offsetRange struct{ from, to model.Offset }

// extent is bytes of consecutive batches without anything between them.
type extent struct {
	at place
	n  int
}

func (x extent) end() place { return place{x.at.log, x.at.at + Position(x.n)} }

func (r offsetRange) covers(e *index.Entry) bool {
	return e.BaseOffset >= r.from && e.LastOffset() < r.to
}

// errMoved says that a batch is no longer where the index said a moment ago.
var errMoved = fmt.Errorf("%w: its segment was removed", ErrOutOfRange)

// movedMax bounds how often a read looks for a batch anew. Segments go three
// checkpoints after the index has left them, so once is enough.
const movedMax = 5

// Read appends to out the batches that the request asks for: memory from the
// tail ring, file ranges that are in the page cache, or memory read by the
// cold lane (this may block on the disk). It returns the bytes added; 0 if
// From is at or past Limit, or compaction left nothing between the two; and the
// offset behind the last batch, or a later one where it gave less than there
// was room for. Errors: ErrOutOfRange, ErrCorrupt (the range holds
// damaged bytes; batches before it are served by earlier reads), or a disk error.
func (p *PartitionLog) Read(r ReadRequest, out *span.List) (n int, end model.Offset, err error) {
	for range movedMax {
		if n, end, err = p.readOnce(r, out); !errors.Is(err, errMoved) {
			break
		}
	}
	return n, end, p.stays(err)
}

func (p *PartitionLog) readOnce(r ReadRequest, out *span.List) (int, model.Offset, error) {
	if start, end := p.bounds(); r.From < start || r.From > end {
		return 0, r.From, fmt.Errorf("%w: %d is not in [%d, %d]", ErrOutOfRange, r.From, start, end)
	} else if r.Limit = min(r.Limit, end); r.From >= r.Limit {
		return 0, r.From, nil
	}
	var few [8]extent
	w := wanted{extents: few[:0], end: r.From}
	err := p.extents(r, &w)
	if len(w.extents) == 0 {
		return 0, r.From, err
	}
	// What stands before damage is served; the next read meets it first.
	before := out.Len()
	for len(w.extents) > 0 {
		if err := p.readNext(&w, r.Reader, r.MinOne && out.Len() == before, out); err != nil {
			if out.Len() > before || errors.Is(err, errBusy) {
				break
			}
			return 0, r.From, err
		}
	}
	return out.Len() - before, w.end, nil
}

func (p *PartitionLog) bounds() (start, end model.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.start, p.mu.state.end
}

// extents finds where the batches of a request are. An error comes with what
// was found before it.
func (p *PartitionLog) extents(r ReadRequest, into *wanted) error {
	it, err := p.iterate(r.From)
	if err != nil {
		return err
	}
	defer it.close()
	known := p.known()
	next, bytes, reach := r.From, 0, Position(0)
	for next < r.Limit {
		e, fromDisk, ok, err := it.next()
		if err != nil {
			return err
		}
		hole := r.Limit
		if ok {
			hole = min(e.BaseOffset, r.Limit)
		}
		if next < hole {
			if next = p.passable(next, hole); next >= r.Limit || next >= hole && !ok {
				break
			}
		}
		if !ok || e.BaseOffset > next {
			if p.Start() > next {
				return fmt.Errorf("%w: the log now starts behind %d", ErrOutOfRange, next)
			}
			return fmt.Errorf("%w: partition %d has no batch with offset %d", ErrCorrupt, p.id, next)
		}
		if e.LastOffset() >= r.Limit {
			return nil
		}
		if p.log.damage.batchLost(p.id, &e) {
			next = e.LastOffset() + 1
			continue
		}
		if err := p.log.damage.check(p.id, &e); err != nil {
			return err
		}
		if n := int(e.Length); bytes+n > r.MaxBytes && (bytes > 0 || !r.MinOne) {
			return nil
		}
		if at := Position(e.Position); bytes == 0 {
			reach = p.log.cold.reach(place{logID(e.Log), at})
		} else if at > reach && logID(e.Log) == mainLog {
			return nil // the next answer goes on there
		}
		into.add(&e, fromDisk && !known.covers(&e))
		bytes += int(e.Length)
		next = e.LastOffset() + 1
	}
	return nil
}

// known is the offsets whose entries were checked against the log: an index
// entry that was loaded from the disk is, once. It is remembered as one range
// of offsets, which is all that readers who go forward need.
func (p *PartitionLog) known() offsetRange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.index.readSoFar().checked
}

// remember adds an entry that was checked.
func (p *PartitionLog) remember(e *index.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := e.LastOffset() + 1
	switch v := &p.mu.index.places().checked; {
	case v.from < v.to && e.BaseOffset >= v.from && e.BaseOffset <= v.to:
		v.to = max(v.to, end)
	default:
		*v = offsetRange{e.BaseOffset, end}
	}
}

// cached reports whether a range is in the page cache. If pages go between here
// and sendfile, that one answer waits for the disk.
func cached(f vfs.File, off int64, n int) bool { return cachedBytes(f, off, n) == n }

// cachedBytes is how much of a range is in the page cache; where the system does
// not say, all or nothing, as far as a few probes can tell.
func cachedBytes(f vfs.File, off int64, n int) int {
	if bytes, ok := f.Cached(off, int64(n)); ok {
		return int(bytes)
	}
	var b [1]byte
	for at := 0; at < n; at += probeStride {
		if _, err := f.ReadAtCached(b[:], off+int64(at)); err != nil {
			return 0
		}
	}
	if _, err := f.ReadAtCached(b[:], off+int64(n)-1); err != nil {
		return 0
	}
	return n
}
