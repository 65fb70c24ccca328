package log

import (
	"errors"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/log/index"
)

const (
	// runGap is the most that may stand between two batches that are read at
	// once: heads of entries, and the padding of groups.
	runGap = 4 << 10
	// runMax is the most that is read at once.
	runMax = 1 << 20
)

// wanted is what a read has yet to give.
type wanted struct {
	extents []extent
	// unverified are the entries of some of the batches, in the same order.
	unverified []index.Entry
	end        model.Offset // behind the last batch that was wanted
}

// add wants one more batch, in the last extent where it goes on there.
func (w *wanted) add(e *index.Entry, verify bool) {
	if verify {
		w.unverified = append(w.unverified, *e)
	}
	w.end = e.LastOffset() + 1
	at := place{logID(e.Log), Position(e.Position)}
	if n := len(w.extents); n > 0 && w.extents[n-1].end() == at {
		w.extents[n-1].n += int(e.Length)
		return
	}
	w.extents = append(w.extents, extent{at, int(e.Length)})
}

// run is what one read of a file brings: an extent that is worth a call by
// itself, or short ones with little between them.
type run struct {
	seg        *segment
	extents    []extent
	unverified []index.Entry
	whole      extent // from the head of the first entry that is to be verified
}

// take takes the next run out of what is wanted. Its extents stand in one
// segment, which ends at a Position.
func (w *wanted) take(seg *segment, end Position) run {
	first := w.extents[0]
	r := run{seg: seg, whole: first}
	if u := w.unverified; len(u) > 0 && Position(u[0].Position) == first.at.at && u[0].EntryDistance <= runGap {
		r.whole.at.at -= Position(u[0].EntryDistance)
		r.whole.n += int(u[0].EntryDistance)
	}
	n := 1
	for ; n < len(w.extents) && first.n < fileSpanMin && w.extents[n].n < fileSpanMin; n++ {
		x, last := w.extents[n], w.extents[n-1].end()
		size := int64(x.end().at) - int64(r.whole.at.at)
		if x.at.log != last.log || x.at.at < last.at || x.at.at-last.at > runGap || x.end().at > end || size > runMax {
			break
		}
		r.whole.n = int(size)
	}
	r.extents, w.extents = w.extents[:n], w.extents[n:]
	upTo, k := r.whole.end(), 0
	for k < len(w.unverified) {
		e := &w.unverified[k]
		if logID(e.Log) != upTo.log || Position(e.Position) < first.at.at || Position(e.Position) >= upTo.at {
			break
		}
		k++
	}
	r.unverified, w.unverified = w.unverified[:k], w.unverified[k:]
	return r
}

// cut leaves out what stands at or behind a Position of the run.
func (r *run) cut(at Position) {
	for i, x := range r.extents {
		if x.end().at > at {
			if r.extents[i].n = int(max(at, x.at.at) - x.at.at); r.extents[i].n > 0 {
				i++
			}
			r.extents = r.extents[:i]
			return
		}
	}
}

// only shortens the run to its first extent.
func (r *run) only() {
	r.cut(r.extents[0].end().at)
	r.whole.n = int(r.extents[0].end().at - r.whole.at.at)
}

// verified returns how much of the run holds what the index says of it. An
// error comes with what stands before it. read gives the bytes at a Position.
func (p *PartitionLog) verified(r *run, read func(at Position, b []byte) error) error {
	for i := range r.unverified {
		e := &r.unverified[i]
		if len(r.extents) == 0 || Position(e.Position) >= r.extents[len(r.extents)-1].end().at {
			return nil
		}
		if err := r.seg.verify(p.id, e, read); err != nil {
			r.cut(Position(e.Position))
			return err
		}
		p.remember(e)
	}
	return nil
}

// readNext adds the next of what is wanted from where it is cheapest. needed:
// the answer has nothing yet and must get something.
func (p *PartitionLog) readNext(w *wanted, who *Reader, needed bool, out *span.List) error {
	l, first := p.log, w.extents[0]
	if b, buffer, ok := l.ringGet(first.at.log, first.at.at, first.n); ok {
		if len(w.unverified) > 0 {
			if err := p.verifyRing(w, first); err != nil {
				if buffer != nil {
					buffer.Release()
				}
				return err
			}
		}
		out.AddMem(b)
		if buffer != nil {
			out.AddPin(buffer)
		}
		w.extents[0].at.at += Position(len(b))
		if w.extents[0].n -= len(b); w.extents[0].n == 0 {
			w.extents = w.extents[1:]
		}
		return nil
	}
	seg, err := l.hold(first.at)
	if err != nil {
		return err
	}
	defer seg.Release()
	r := w.take(seg, l.segmentsOf(seg.Log).all().endOf(seg, positionMax))
	before := out.Len()
	err = p.readRun(&r, who, needed, out)
	if err == nil || len(r.extents) < 2 || out.Len() > before || errors.Is(err, errBusy) {
		return err
	}
	// What stands before a bad spot is served.
	r.only()
	if again := p.readRun(&r, who, needed, out); again != nil {
		return again
	}
	return err
}

// verifyRing checks the entries of an extent that is in the ring.
func (p *PartitionLog) verifyRing(w *wanted, x extent) error {
	seg, err := p.log.hold(x.at)
	if err != nil {
		return err
	}
	defer seg.Release()
	one := wanted{extents: []extent{x}, unverified: w.unverified}
	r := one.take(seg, x.end().at)
	w.unverified = one.unverified
	return p.verified(&r, func(at Position, b []byte) error { return p.log.cold.fill(nil, seg, at, b, aheadStep{}) })
}

// readRun adds a run: as a range of the file if it is one and in the page cache,
// else as memory.
func (p *PartitionLog) readRun(r *run, who *Reader, needed bool, out *span.List) error {
	c, at, n := p.log.cold, r.whole.at.at, r.whole.n
	fromFile := func(at Position, b []byte) error { return c.fill(who, r.seg, at, b, aheadStep{}) }
	_, sends := r.seg.file.Descriptor()
	large, there := sends && len(r.extents) == 1 && r.extents[0].n >= fileSpanMin, 0
	if large {
		if there = cachedBytes(r.seg.file, r.seg.offset(at), n); there == n {
			err := p.verified(r, fromFile)
			return errors.Join(err, c.sendAll(r, out))
		}
	}
	step := c.prepare(who, r.seg, at, n)
	b, pin, err := c.memory(n, needed && !sends)
	if errors.Is(err, errBusy) && sends && (needed || len(out.Spans()) < coldSpans) {
		if inCache(r.seg.file, r.seg.offset(at), n) < n {
			if err := c.warm(who, r.seg.file, r.seg.offset(at), n); err != nil {
				return err
			}
		}
		err := p.verified(r, fromFile)
		return errors.Join(err, c.sendAll(r, out))
	}
	if err != nil {
		return err
	}
	step.asked, step.there = large, there
	if err := c.fill(who, r.seg, at, b, step); err != nil {
		pin.Release()
		return err
	}
	err = p.verified(r, func(from Position, part []byte) error {
		if from < at {
			return fromFile(from, part)
		}
		copy(part, b[from-at:])
		return nil
	})
	for _, x := range r.extents {
		out.AddMem(b[x.at.at-at:][:x.n:x.n])
	}
	out.AddPin(pin)
	return err
}
