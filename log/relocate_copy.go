package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// relocation is what is on the move from one segment.
type relocation struct {
	log     *Log
	writers *coldWriters
	source  segmentRange
	moved   map[*PartitionLog][]movedBatch
	bytes   int64 // of the batches that the indexes find in their new place
	filed   bool  // an index file speaks of the copies

	// left are partitions of which nothing moves, since their index is damaged.
	left map[*PartitionLog]bool
	told map[model.PartitionID]bool
}

func newRelocation(r *relocator, source segmentRange) *relocation {
	return &relocation{
		log: r.log, writers: r.writers, source: source, told: r.told,
		moved: make(map[*PartitionLog][]movedBatch), left: make(map[*PartitionLog]bool),
	}
}

// leave has a partition's batches stay where they are, if it is damage of its
// index that is in the way; all others must not wait for that. It is told once.
func (c *relocation) leave(p *PartitionLog, err error) error {
	if !errors.Is(err, ErrCorrupt) && !vfs.IsBadMedium(err) {
		return err
	}
	c.left[p] = true
	delete(c.moved, p)
	if !c.told[p.id] {
		c.told[p.id] = true
		c.log.env.Events(BackgroundFailed{What: fmt.Sprintf("relocating partition %d", p.id), Err: err})
	}
	return nil
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
	s, read := newScanner(c.scanned(r.goesOn), v.First), int64(0)
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
		if err := r.pacer.spend(s.read - read + int64(copied)); err != nil {
			return err
		}
		read = s.read
	}
	return nil
}

// scanned is the chain to scan: the source, and what ends it. It is read at the
// pace of the copying.
func (c *relocation) scanned(goesOn func() bool) chain {
	v := c.source
	next := (*segment)(nil)
	if v.Log == mainLog {
		next = c.log.segments.all().after(v.segment)
	}
	return v.shadow(&quietFile{v.file, c.log.cold, relocateKey, func(int) bool { return goesOn() }}, next, v.End)
}

// goesOn reports whether the log is not to be closed.
func (r *relocator) goesOn() bool {
	select {
	case <-r.stop:
		return false
	default:
		return true
	}
}

// copyEntry copies what lives of an entry, and returns how many bytes that was.
func (c *relocation) copyEntry(s *scanner, item *scanItem) (int, error) {
	h := &item.Header
	p := c.log.partitions.find(h.Partition)
	last := h.BaseOffset + model.Offset(h.LastDelta)
	if p == nil || c.left[p] || last < p.Start() {
		return 0, nil // most are dead, and need no look at the index
	}
	living, err := p.livingIn(place{c.source.Log, item.At}, item.End, h.BaseOffset, last)
	if err != nil {
		return 0, c.leave(p, err)
	}
	if len(living) == 0 {
		return 0, nil
	}
	headers := headersOf(item.Batches, living)
	if headers == nil {
		return 0, nil // the index and the log do not agree: a read will tell
	}
	if h.Kind == KindCleaned {
		return c.copyCleaned(p, s.payload(item), item, living)
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
	prefix := binary.LittleEndian.AppendUint64(nil, uint64(stood))
	at, err := c.put(p.RetentionClass().log(), relocated(h, headers), prefix, headers, payload[from:from+n])
	if err != nil {
		return 0, err
	}
	distance := uint32(entryHeaderSize + originSize)
	for i := range living {
		at := place{at.log, at.at + Position(distance)}
		c.moved[p] = append(c.moved[p], movedBatch{base: living[i].BaseOffset, from: Position(living[i].Position), to: at, distance: distance})
		distance += living[i].Length
	}
	return n, nil
}

// copyCleaned copies an entry of a run as it is: its place in the run tells a
// rebuild what belongs to it.
func (c *relocation) copyCleaned(p *PartitionLog, payload []byte, item *scanItem, living []index.Entry) (int, error) {
	h := entryHeader{entryIdentity: item.Header.entryIdentity, AppendTime: item.Header.AppendTime, Epoch: item.Header.Epoch}
	at, err := c.put(c.source.Log, &h, payload[:cleanedPrefixSize], item.Batches, payload[cleanedPrefixSize:])
	if err != nil {
		return 0, err
	}
	for i := range living {
		e := &living[i]
		to := place{at.log, at.at + Position(e.EntryDistance)}
		c.moved[p] = append(c.moved[p], movedBatch{base: e.BaseOffset, from: Position(e.Position), to: to, distance: e.EntryDistance})
	}
	return len(payload), nil
}

// put appends an entry to a log and returns where it stands.
func (c *relocation) put(log logID, h *entryHeader, prefix []byte, headers []batch.Header, payload []byte) (place, error) {
	to := coldStream{log, c.source.Log != mainLog}
	w, err := c.writers.writer(to, entrySize(len(prefix)+len(payload)))
	if err != nil {
		return place{}, err
	}
	at, err := w.append(h, prefix, headers, payload)
	return place{log, at}, err
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
