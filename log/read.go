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

// errMoved says that a batch is no longer where the index said a moment ago.
var errMoved = fmt.Errorf("%w: its segment was removed", ErrOutOfRange)

// movedMax bounds how often a read looks for a batch anew. Segments go three
// checkpoints after the index has left them, so once is enough.
const movedMax = 5

// Read appends to out the batches that the request asks for: memory from the
// tail ring, file ranges that are in the page cache, or memory read by the
// cold lane (this may block on the disk). It returns the bytes added; 0 if
// From is at or past Limit, or compaction left nothing between the two. Errors: ErrOutOfRange, ErrCorrupt (the range holds
// damaged bytes; batches before it are served by earlier reads), or a disk error.
func (p *PartitionLog) Read(r ReadRequest, out *span.List) (n int, err error) {
	for range movedMax {
		if n, err = p.readOnce(r, out); !errors.Is(err, errMoved) {
			break
		}
	}
	return n, p.stays(err)
}

func (p *PartitionLog) readOnce(r ReadRequest, out *span.List) (int, error) {
	if start, end := p.bounds(); r.From < start || r.From > end {
		return 0, fmt.Errorf("%w: %d is not in [%d, %d]", ErrOutOfRange, r.From, start, end)
	} else if r.Limit = min(r.Limit, end); r.From >= r.Limit {
		return 0, nil
	}
	var few [8]extent
	extents, err := p.extents(r, few[:0])
	if len(extents) == 0 {
		return 0, err
	}
	// What stands before damage is served; the next read meets it first.
	before := out.Len()
	for _, x := range extents {
		if err := p.log.readExtent(x, r.MinOne && out.Len() == before, out); err != nil {
			if out.Len() > before || errors.Is(err, errBusy) {
				break
			}
			return 0, err
		}
	}
	return out.Len() - before, nil
}

func (p *PartitionLog) bounds() (start, end model.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.start, p.mu.state.end
}

// extents finds where the batches of a request are. An error comes with what
// was found before it.
func (p *PartitionLog) extents(r ReadRequest, into []extent) ([]extent, error) {
	it, err := p.iterate(r.From)
	if err != nil {
		return nil, err
	}
	defer it.close()
	next, bytes, reach := r.From, 0, Position(0)
	for next < r.Limit {
		e, fromDisk, ok, err := it.next()
		if err != nil {
			return into, err
		}
		hole := r.Limit
		if ok {
			hole = min(e.BaseOffset, r.Limit)
		}
		if next < hole {
			// Compaction leaves gaps, and so does what salvage gave up.
			if next = p.gapEnd(next, hole); next < hole && p.log.damage.isLost(p.id, next, hole) {
				next = hole
			}
			if next >= r.Limit || next >= hole && !ok {
				break
			}
		}
		if !ok || e.BaseOffset > next {
			if p.Start() > next {
				return into, fmt.Errorf("%w: the log now starts behind %d", ErrOutOfRange, next)
			}
			return into, fmt.Errorf("%w: partition %d has no batch with offset %d", ErrCorrupt, p.id, next)
		}
		if e.LastOffset() >= r.Limit {
			return into, nil
		}
		if p.log.damage.batchLost(p.id, &e) {
			next = e.LastOffset() + 1
			continue
		}
		if err := p.log.damage.check(p.id, &e); err != nil {
			return into, err
		}
		if n := int(e.Length); bytes+n > r.MaxBytes && (bytes > 0 || !r.MinOne) {
			return into, nil
		}
		if at := Position(e.Position); bytes == 0 {
			reach = p.log.cold.reach(place{logID(e.Log), at})
		} else if at > reach && logID(e.Log) == mainLog {
			return into, nil // the next answer goes on there
		}
		if fromDisk {
			if err := p.verifyOnce(&e); err != nil {
				return into, err
			}
		}
		into = appendExtent(into, &e)
		bytes += int(e.Length)
		next = e.LastOffset() + 1
	}
	return into, nil
}

// appendExtent adds a batch, to the last extent where it goes on there.
func appendExtent(list []extent, e *index.Entry) []extent {
	at := place{logID(e.Log), Position(e.Position)}
	if n := len(list); n > 0 && list[n-1].end() == at {
		list[n-1].n += int(e.Length)
		return list
	}
	return append(list, extent{at, int(e.Length)})
}

// verifyOnce checks an index entry that was loaded from the disk against the
// log: that an entry of this partition is where it says, and in it a batch
// with its base offset and length. What was checked is remembered as one range
// of offsets, which is all that readers who go forward need.
func (p *PartitionLog) verifyOnce(e *index.Entry) error {
	p.mu.Lock()
	known := p.verified
	p.mu.Unlock()
	if e.BaseOffset >= known.from && e.LastOffset() < known.to {
		return nil
	}
	if err := p.log.verify(p.id, e); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	end := e.LastOffset() + 1
	switch v := &p.verified; {
	case v.from < v.to && e.BaseOffset >= v.from && e.BaseOffset <= v.to:
		v.to = max(v.to, end)
	default:
		*v = offsetRange{e.BaseOffset, end}
	}
	return nil
}

// readExtent adds an extent from where it is cheapest. needed: the answer has
// nothing yet and must get something.
func (l *Log) readExtent(x extent, needed bool, out *span.List) error {
	for x.n > 0 && x.at.log == mainLog {
		b, buffer, ok := l.ring.get(x.at.at, x.n)
		if !ok {
			break
		}
		out.AddMem(b)
		if buffer != nil {
			out.AddPin(buffer)
		}
		x.at.at += Position(len(b))
		x.n -= len(b)
	}
	if x.n == 0 {
		return nil
	}
	seg, err := l.hold(x.at)
	if err != nil {
		return err
	}
	off := seg.offset(x.at.at)
	if _, ok := seg.file.Descriptor(); ok && x.n >= fileSpanMin && cached(seg.file, off, x.n) {
		out.AddFile(seg.file, off, x.n)
		out.AddPin(seg)
		return nil
	}
	defer seg.Release()
	return l.cold.read(seg, x.at.at, x.n, needed, out)
}

// cached reports whether a range is in the page cache; where the system does
// not say, as far as a few probes can tell. If pages go between here and
// sendfile, that one answer waits for the disk.
func cached(f vfs.File, off int64, n int) bool {
	if bytes, ok := f.Cached(off, int64(n)); ok {
		return bytes == int64(n)
	}
	var b [1]byte
	for at := 0; at < n; at += probeStride {
		if _, err := f.ReadAtCached(b[:], off+int64(at)); err != nil {
			return false
		}
	}
	_, err := f.ReadAtCached(b[:], off+int64(n)-1)
	return err == nil
}
