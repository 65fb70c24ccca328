package log

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// relocator is the goroutine that copies the few living batches of old
// segments into the cold log, so that these die and can be unlinked.
//
// The order of things is what a crash at any point can not break:
//
//  1. The living batches are copied, and the copies synced (relocate).
//  2. An index file that says where they are now is written and synced, and the
//     partitions and counters follow it at one moment (keeper.install).
//  3. The old segment has no live bytes any more, and goes the way of all dead
//     segments (reclaim.go): partitions restated, two checkpoints that name the
//     new index file and the cold segments but not the old one, unlink.
//
// Before 2 nothing speaks of the copies; before the checkpoint of 3 a start
// finds the batches in the old segment.
type relocator struct {
	log      *Log
	done     map[*segment]bool // what can be done for them was done in this life
	segments atomic.Uint64
	bytes    atomic.Uint64 // of batches that were moved
	pacer    pacer

	wake     chan struct{}
	requests chan func()
	stop     chan struct{}
}

func newRelocator(l *Log) *relocator {
	r := &relocator{
		log: l, done: make(map[*segment]bool),
		wake: make(chan struct{}, 1), requests: make(chan func()), stop: make(chan struct{}),
	}
	r.pacer = pacer{clock: l.env.Clock, rate: l.cfg.RelocateRate, stop: r.stop}
	return r
}

// Relocate empties, one after the other, the old segments of which little
// lives, as Config.RelocateBelow says, and returns how many, and the bytes that
// were moved. It is done now and then without being asked; the space comes back
// with the next Reclaim.
func (l *Log) Relocate() (segments int, bytes int64, err error) {
	r := l.relocator
	result := make(chan error, 1)
	f := func() {
		// Count what died since the last checkpoint first.
		err := l.keeper.do(l.keeper.checkpoint)
		if err == nil {
			segments, bytes, err = r.round()
		}
		result <- err
	}
	select {
	case r.requests <- f:
		return segments, bytes, <-result
	case <-r.stop:
		return 0, 0, ErrClosed
	}
}

// poke wakes the relocator; it never blocks.
func (r *relocator) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run is the relocator goroutine.
func (r *relocator) run() {
	for {
		select {
		case <-r.stop:
			return
		case f := <-r.requests:
			f()
		case <-r.wake:
			if _, _, err := r.round(); err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrLatched) {
				r.log.env.Events(BackgroundFailed{What: "relocating", Err: err})
			}
		}
	}
}

// round relocates until there is nothing worth it.
func (r *relocator) round() (segments int, bytes int64, err error) {
	for {
		v, ok := r.choose()
		if !ok {
			return segments, bytes, nil
		}
		if err := r.log.latch.err(); err != nil {
			return segments, bytes, err
		}
		r.done[v.segment] = true
		n, err := r.relocate(v)
		bytes += n
		if err != nil {
			return segments, bytes, fmt.Errorf("segment %s: %w", v.name, err)
		}
		segments++
	}
}

// relocate moves what lives in a segment.
func (r *relocator) relocate(v segmentRange) (int64, error) {
	l := r.log
	if !v.acquire() {
		return 0, nil // it was dead already, and is gone
	}
	defer v.Release()
	defer l.coldLog.settled()
	begin := l.env.Clock.Now()
	c := &relocation{log: l, source: v, moved: make(map[*PartitionLog][]movedBatch)}
	if err := r.copyLiving(c); err != nil || len(c.moved) == 0 {
		return 0, err
	}
	if err := l.coldLog.sync(); err != nil {
		return 0, err
	}
	if err := l.keeper.do(func() error { return l.keeper.install(c) }); err != nil {
		return 0, err
	}
	r.segments.Add(1)
	r.bytes.Add(uint64(c.bytes))
	l.env.Events(SegmentRelocated{Name: v.name, Bytes: c.bytes, Left: v.live.Load(), Took: l.env.Clock.Now().Sub(begin)})
	return c.bytes, nil
}

// relocation is what is on the move from one segment.
type relocation struct {
	log    *Log
	source segmentRange
	moved  map[*PartitionLog][]movedBatch
	bytes  int64 // of the batches that the indexes find in their new place
}

// movedBatch is a batch that was copied.
type movedBatch struct {
	base     model.Offset
	from     Position // in the source
	to       place
	distance uint32 // from the header of its new entry
}

// copyLiving walks over the source and copies the batches that the indexes find
// there. Damaged entries stay, and so does their segment if any of them lives.
func (r *relocator) copyLiving(c *relocation) error {
	v := c.source
	s := newScanner(c.scanned(), v.First)
	dropped, read := v.First, int64(0)
	for {
		item, err := s.next()
		if errors.Is(err, io.EOF) || err == nil && item.At >= v.End {
			break
		}
		if err != nil {
			return err
		}
		copied := 0
		if item.Kind == scanEntry && item.Header.Kind.holdsBatches() {
			if copied, err = c.copyEntry(s, &item); err != nil {
				return err
			}
		}
		if s.at >= dropped+scanWindow && s.at < v.End {
			v.file.DropCache(v.offset(dropped), int64(s.at-dropped))
			dropped = s.at
		}
		if !r.pacer.spend(s.read - read + int64(copied)) {
			return ErrClosed
		}
		read = s.read
	}
	v.file.DropCache(v.offset(dropped), int64(v.End-dropped))
	return nil
}

// scanned is the chain to scan: the source, and what ends it.
func (c *relocation) scanned() chain {
	if c.source.Log != mainLog {
		return chain{c.source.segment}
	}
	all := c.log.segments.all()
	if i := indexOf(all, c.source.segment); i >= 0 {
		return all[i:min(i+2, len(all))]
	}
	return nil
}

// copyEntry copies what lives of an entry, and returns how many bytes that was.
func (c *relocation) copyEntry(s *scanner, item *scanItem) (int, error) {
	h := &item.Header
	p := c.log.partitions.find(h.Partition)
	if p == nil {
		return 0, nil
	}
	living, err := p.livingIn(place{c.source.Log, item.At}, item.End, h.BaseOffset, h.BaseOffset+model.Offset(h.LastDelta))
	if err != nil || len(living) == 0 {
		return 0, err
	}
	headers := headersOf(item.Batches, living)
	if headers == nil {
		return 0, nil // the index and the log do not agree: a read will tell
	}
	payload := s.payload(item)
	stood := item.At
	if h.Kind == KindRelocated {
		stood = origin(payload)
	}
	n := 0
	for i := range headers {
		n += headers[i].Size
	}
	from := int(Position(living[0].Position)-item.At) - entryHeaderSize
	to := coldStream{p.class().log(), c.source.Log != mainLog}
	w, err := c.log.coldLog.writer(to, relocatedSize(n))
	if err != nil {
		return 0, err
	}
	at, err := w.append(h, stood, headers, payload[from:from+n])
	if err != nil {
		c.log.coldLog.abandon(to)
		return 0, err
	}
	distance := uint32(entryHeaderSize + originSize)
	for i := range living {
		c.moved[p] = append(c.moved[p], movedBatch{
			base: living[i].BaseOffset, from: Position(living[i].Position),
			to: place{to.log, at + Position(distance)}, distance: distance,
		})
		distance += living[i].Length
	}
	return n, nil
}

// headersOf are the headers of these batches, which follow each other in their
// entry; nil if they are not as the index says.
func headersOf(all []batch.Header, living []index.Entry) []batch.Header {
	for i := range all {
		if all[i].BaseOffset != living[0].BaseOffset {
			continue
		}
		if i+len(living) > len(all) {
			return nil
		}
		all = all[i : i+len(living)]
		at := living[0].Position
		for k := range living {
			if e := &living[k]; all[k].BaseOffset != e.BaseOffset || uint32(all[k].Size) != e.Length || e.Position != at {
				return nil
			}
			at += uint64(all[k].Size)
		}
		return all
	}
	return nil
}

// livingIn are the batches that the index finds in the entry at a place, up to
// end, and that a reader may ask for. The entry has the offsets [base, last].
func (p *PartitionLog) livingIn(entry place, end Position, base, last model.Offset) (living []index.Entry, err error) {
	it, err := p.iterate(max(base, p.Start()))
	if err != nil {
		return nil, err
	}
	defer it.close()
	for {
		e, fromDisk, ok, err := it.next()
		if err != nil || !ok || !fromDisk || e.BaseOffset > last {
			return living, err
		}
		if at := Position(e.Position); logID(e.Log) == entry.log && at > entry.at && at < end {
			living = append(living, e)
		}
	}
}

// errMoved says that a batch is no longer where the index said a moment ago.
var errMoved = fmt.Errorf("%w: its segment was removed", ErrOutOfRange)

// movedMax bounds how often a read looks for a batch anew. Segments go three
// checkpoints after the index has left them, so once is enough.
const movedMax = 5

// SegmentRelocated says: what lived in it lives in the cold log now.
type SegmentRelocated struct {
	Name  string
	Bytes int64 // moved
	Left  int64 // live bytes that could not be moved, or were not counted as dead yet
	Took  time.Duration
}

func (e SegmentRelocated) String() string {
	return fmt.Sprintf("segment %s: %d bytes moved to the cold log in %v, %d left", e.Name, e.Bytes, e.Took, e.Left)
}
