package log

import (
	"errors"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// walkBytes is how much a walk reads at once, at most, but for a larger batch.
const walkBytes = 512 << 10

// batchWalk reads a partition's batches in the order of their offsets, several
// with one read where they stand side by side, and leaves the page cache as it
// was.
type batchWalk struct {
	partition *PartitionLog
	pacer     *pacer
	it        *indexIterator
	at        model.Offset // the next batch holds it, or is above it
	limit     model.Offset // no batch that reaches it
	first     index.Entry  // the next entry, if known
	known     bool
	ended     bool          // the limit was reached
	piece     []index.Entry // entries whose bytes are in buffer
	buffer    []byte
	left      []byte // of buffer
}

func (c *compaction) walk(from, limit model.Offset) *batchWalk {
	return &batchWalk{partition: c.partition, pacer: c.pacer, at: from, limit: limit}
}

func (w *batchWalk) close() {
	if w.it != nil {
		w.it.close()
	}
}

// next returns the next batch, its bytes valid until the call after; ok is
// false at the end.
func (w *batchWalk) next() (e index.Entry, b []byte, ok bool, err error) {
	if len(w.piece) == 0 {
		for range movedMax {
			if ok, err = w.load(); !errors.Is(err, errMoved) {
				break
			}
			w.it, w.known, w.ended = nil, false, false // look again
		}
		if err != nil || !ok {
			return e, nil, false, w.partition.stays(err)
		}
	}
	e = w.piece[0]
	b = w.left[:e.Length]
	w.piece, w.left = w.piece[1:], w.left[e.Length:]
	if err := sameBatch(&e, b); err != nil {
		return e, nil, false, fmt.Errorf("%w: partition %d, offset %d at %d of %v: %w", ErrCorrupt, w.partition.id, e.BaseOffset, e.Position, logID(e.Log), err)
	}
	w.at = e.LastOffset() + 1
	return e, b, true, nil
}

// sameBatch checks the bytes of a batch, whole, against what the index says.
func sameBatch(e *index.Entry, b []byte) error {
	h, err := batch.Parse(b)
	if err == nil {
		err = batch.Verify(b, &h)
	}
	if err == nil && (h.BaseOffset != e.BaseOffset || h.LastOffsetDelta != e.LastOffsetDelta || h.Size != len(b)) {
		err = fmt.Errorf("%w: the batch holds offsets %d to %d, %d bytes", errEntryPayload, h.BaseOffset, h.LastOffset(), h.Size)
	}
	return err
}

// load reads the batches that stand side by side from the next one on.
func (w *batchWalk) load() (ok bool, err error) {
	e, ok, err := w.entry()
	if err != nil || !ok {
		return false, err
	}
	w.known = false
	w.piece = append(w.piece[:0], e)
	at, n := place{logID(e.Log), Position(e.Position)}, int(e.Length)
	for end := e.LastOffset() + 1; n < walkBytes; end = e.LastOffset() + 1 {
		if e, ok, err = w.look(end); err != nil {
			return false, err
		}
		if !ok {
			break
		}
		if logID(e.Log) != at.log || Position(e.Position) != at.at+Position(n) || n+int(e.Length) > walkBytes {
			w.first, w.known = e, true
			break
		}
		w.piece = append(w.piece, e)
		n += int(e.Length)
	}
	if err := w.pacer.spend(int64(n)); err != nil {
		return false, err
	}
	if cap(w.buffer) < n {
		w.buffer = make([]byte, max(n, walkBytes))
	}
	w.left = w.buffer[:n]
	if err := w.partition.log.readPlace(at, w.left); err != nil {
		w.piece = w.piece[:0]
		return false, err
	}
	return true, nil
}

// entry is the entry of the next batch.
func (w *batchWalk) entry() (index.Entry, bool, error) {
	if w.known || w.ended {
		return w.first, w.known, nil
	}
	if w.it == nil {
		var err error
		if w.it, err = w.partition.iterate(w.at); err != nil {
			return index.Entry{}, false, err
		}
	}
	return w.look(w.at)
}

// look is the next entry of the index, where all offsets before it from the one
// given on may be missing. What salvage gave up is passed over.
func (w *batchWalk) look(from model.Offset) (index.Entry, bool, error) {
	p := w.partition
	for {
		e, _, ok, err := w.it.next()
		if err != nil {
			return e, false, err
		}
		to := w.limit
		if ok {
			to = min(to, e.BaseOffset)
		}
		if hole := p.passable(from, to); hole < to && p.Start() <= hole {
			return e, false, fmt.Errorf("%w: partition %d has no batch with offset %d", ErrCorrupt, p.id, hole)
		}
		if !ok || e.LastOffset() >= w.limit {
			w.ended = true
			return e, false, nil
		}
		from = e.LastOffset() + 1
		if p.log.damage.batchLost(p.id, &e) || from <= p.Start() {
			continue
		}
		return e, true, p.log.damage.check(p.id, &e)
	}
}

// readPlace fills b from a place in the log.
func (l *Log) readPlace(at place, b []byte) error {
	seg, err := l.hold(at)
	if err != nil {
		return err
	}
	defer seg.Release()
	return l.cold.fill(&Reader{Key: compactKey}, seg, at.at, b, aheadStep{})
}
