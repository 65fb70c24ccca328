package log

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// copies are the entries of the cold log, as a rebuild of the indexes takes
// them in: each at the Position where its batches were appended to the main
// log, be that segment still there or not. So they come before what was
// appended behind them, and whatever truncated or deleted them later does so
// again.
//
// An entry may stand in several places, with the same bytes: copied again, or
// in the main log still. Then the first that is there is taken, the main log
// before the cold, the lower Position before the higher: one is made from the
// other and may not have become durable, and the other goes only when it has.
// Nor does the first have to be durable: of two that were made from the same, it
// may be the one that a crash came in the way of. So what is taken is written
// again (recovery.rewriteCold).
type copies struct {
	list   []copyRef // ascending by origin
	read   int64
	bad    []PositionRange // damaged bytes that were durable
	unsure []PositionRange // good ones of which nothing says that they are
}

// copyRef says where an entry of the cold log stands.
type copyRef struct {
	origin, at Position
	size       uint32
}

// damageFound hears of damage in a file of the cold log.
type damageFound func(at PositionRange, file, what string)

// findCopies scans the cold log, of whose segments it is known how much was
// durable in them.
func findCopies(c chain, durable func(*segment) int64, damaged damageFound) (*copies, error) {
	list := &copies{}
	for _, seg := range c {
		if seg.Log.isSide() {
			continue // which runs count is not known yet
		}
		if err := list.scan(seg, durable(seg), damaged); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list.list, func(a, b copyRef) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.at, b.at))
	})
	list.list = slices.CompactFunc(list.list, func(a, b copyRef) bool { return a.origin == b.origin })
	return list, nil
}

func (c *copies) scan(seg *segment, durable int64, damaged damageFound) error {
	found, err := scanCold(seg, durable, func(it *scanItem) error {
		if it.Header.Kind == KindRelocated {
			c.list = append(c.list, copyRef{origin(it.Payload), it.At, it.Header.Size})
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.read += found.read
	c.unsure = append(c.unsure, found.unsure...)
	for _, x := range found.bad {
		c.bad = append(c.bad, x.PositionRange)
		damaged(x.PositionRange, seg.name, fmt.Sprintf("cold log, segment %s: %v", seg.name, x.why))
	}
	return nil
}

// before takes out the next copy that stood below a Position.
func (c *copies) before(p Position) (copyRef, bool) {
	if len(c.list) == 0 || c.list[0].origin >= p {
		return copyRef{}, false
	}
	next := c.list[0]
	c.list = c.list[1:]
	return next, true
}

// highest is the highest Position at which a copy stood.
func (c *copies) highest() Position {
	if len(c.list) == 0 {
		return 0
	}
	return c.list[len(c.list)-1].origin
}

// readCopy reads and checks an entry of the cold log.
func readCopy(seg *segment, ref copyRef) (h entryHeader, batches []batch.Header, controls []controlBatch, err error) {
	b := make([]byte, ref.size)
	if _, err = seg.file.ReadAt(b, seg.offset(ref.at)); err != nil {
		return h, nil, nil, fmt.Errorf("read segment %s: %w", seg.name, err)
	}
	if h, err = decodeEntryHeader(b); err == nil {
		err = h.checkPlace(ref.at, seg.Salt)
	}
	if err == nil && h.Size != ref.size {
		err = errEntryPlace
	}
	if err == nil {
		batches, err = h.checkBody(b, nil)
	}
	if err == nil {
		controls = controlsOf(b[entryHeaderSize+h.Kind.batchesAt():], batches)
	}
	return h, batches, controls, err
}

// applyCopies takes in the copies of what stood below a Position.
func (r *replay) applyCopies(below Position) error {
	for {
		ref, ok := r.copies.before(below)
		if !ok {
			return nil
		}
		if err := r.applyCopy(ref); err != nil {
			return err
		}
	}
}

// applyCopy takes in one copy.
func (r *replay) applyCopy(ref copyRef) error {
	seg := r.log.coldLog.segments.all().find(ref.at)
	h, batches, controls, err := readCopy(seg, ref)
	if err != nil {
		return err // it was good a moment ago: not the bytes, but the disk
	}
	p, err := r.partition(h.Partition)
	if p == nil || err != nil {
		return err
	}
	return r.applyBatches(p, &h, seg, batchesApplied{
		Log: seg.Log, Entry: ref.at, Distance: entryHeaderSize + originSize, Stood: ref.origin, Headers: batches, Controls: controls,
	})
}

// applyBatches takes in an entry's batches, and counts them.
func (r *replay) applyBatches(p *PartitionLog, h *entryHeader, seg *segment, b batchesApplied) error {
	if h.BaseOffset < p.End() {
		if err := r.log.liveness.countCut(p, h.BaseOffset); err != nil {
			return err
		}
	}
	b.Epoch, b.AppendTime = h.Epoch, h.AppendTime
	p.applyBatches(b)
	if seg != nil {
		seg.live.Add(int64(h.Payload - h.Kind.batchesAt()))
		seg.held.Add(int64(h.Payload - h.Kind.batchesAt()))
	}
	return nil
}
