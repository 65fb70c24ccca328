package log

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// liveness keeps each segment's count of live bytes: of batches that a reader
// may still ask for. Appends raise it at once. What dies is counted later, by
// the keeper: it has to look the dead batches up in the index, which may mean
// to read it from the disk, and neither the writer nor a client waits for that.
type liveness struct {
	segmentsOf func(logID) *segments

	mu struct {
		sync.Mutex
		dead []*deadRange // in the order in which they died
		// taken is what a snapshot holds; the keeper counts it while more dies.
		taken []*deadRange
	}
}

// deadRange is a range of a partition's offsets that no reader will ask for.
// A batch died with it if its last record lies in it.
type deadRange struct {
	partition *PartitionLog
	from, to  model.Offset
	dropped   bool // the whole partition is to be forgotten

	// counted, guarded by the liveness's mutex, says that no segment counts it any
	// more, and died what each had of it, if that was not the keeper's doing.
	counted bool
	died    map[*segment]int64
}

// applyControl applies a truncate, log-start or partition-state entry, and
// notes what died by it.
func (l *liveness) applyControl(p *PartitionLog, h *entryHeader, payload []byte) error {
	switch h.Kind {
	case KindTruncate:
		err := l.countCut(p, h.BaseOffset)
		p.applyTruncate(h.Position, h.BaseOffset, h.Epoch)
		return err
	case KindLogStart:
		from := p.Start()
		p.applyLogStart(h.Position, h.BaseOffset, h.Epoch)
		l.note(&deadRange{partition: p, from: from, to: p.Start()})
	case KindPartitionState:
		// It changes something only in a rebuild, when the entries that it stands
		// for were reclaimed.
		restated, err := decodeState(payload)
		if err != nil {
			return err
		}
		from := p.Start()
		err = l.countCut(p, restated.end)
		if err := p.applyState(h.Position, payload, h.Epoch); err != nil {
			return err
		}
		l.note(&deadRange{partition: p, from: from, to: p.Start()})
		return err
	case KindCleanedTo:
		c, err := decodeCleanedTo(h, payload)
		if err != nil {
			return err
		}
		p.applyCleanedTo(h.Position, c, h.Epoch)
	case KindBatches, KindSyncMark, KindPad, KindRelocated, KindCleaned:
	}
	return nil
}

// note leaves a dead range for the keeper to count.
func (l *liveness) note(d *deadRange) {
	if d.from >= d.to && !d.dropped {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.dead = append(l.mu.dead, d)
}

// take returns what is to be counted.
func (l *liveness) take() []*deadRange {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.taken, l.mu.dead = l.mu.dead, nil
	return l.mu.taken
}

// giveBack returns ranges that were taken and not counted.
func (l *liveness) giveBack(dead []*deadRange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dead = slices.DeleteFunc(slices.Clone(dead), func(d *deadRange) bool { return d.counted })
	l.mu.dead, l.mu.taken = append(dead, l.mu.dead...), nil
}

// countCut subtracts what a cut at an offset takes from the segments: the index
// is about to forget it.
func (l *liveness) countCut(p *PartitionLog, end model.Offset) error {
	start := p.Start()
	died, err := l.look(&deadRange{partition: p, from: max(end, start), to: p.End()})
	subtract(died)
	if end >= start {
		return err
	}
	// The start falls to the end, and new batches come where older ones are dead
	// and not counted yet: those have to be, by the index that knows them.
	return errors.Join(err, l.countNoted(p))
}

// countNoted counts now what is noted of a partition, or was taken by the keeper,
// who then finds it counted. What the index can not tell any more stays counted
// as live, so that its segment stays too.
func (l *liveness) countNoted(p *PartitionLog) error {
	of := func(d *deadRange) bool { return d.partition == p && !d.dropped }
	l.mu.Lock()
	noted := append(slices.Clone(l.mu.taken), l.mu.dead...)
	l.mu.dead = slices.DeleteFunc(l.mu.dead, of)
	l.mu.Unlock()
	var errs []error
	for _, d := range noted {
		if of(d) {
			died, err := l.look(d)
			errs = append(errs, err)
			if l.claim(d, died) {
				subtract(died)
			}
		}
	}
	return errors.Join(errs...)
}

// claim reports whether it is for the caller to subtract a range; it is for one
// alone.
func (l *liveness) claim(d *deadRange, died map[*segment]int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.counted {
		return false
	}
	d.counted, d.died = true, died
	return true
}

// count subtracts the batches of a range that was taken from their segments, and
// tells of each. It counts all or nothing.
func (l *liveness) count(d *deadRange, also func(seg *segment, bytes int64)) error {
	died, err := l.look(d)
	l.mu.Lock()
	if d.counted {
		died, err = d.died, nil // while this looked, perhaps by an index that was cut
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if l.claim(d, died) {
		subtract(died)
	}
	for seg, n := range d.died {
		also(seg, n)
	}
	return nil
}

// giveUp leaves a range counted as live for ever.
func (l *liveness) giveUp(d *deadRange) { l.claim(d, nil) }

// look finds out what each segment holds of a range.
func (l *liveness) look(d *deadRange) (map[*segment]int64, error) {
	it, err := d.partition.iterate(d.from)
	if err != nil {
		return nil, fmt.Errorf("count dead bytes of partition %d: %w", d.partition.ID(), err)
	}
	defer it.close()
	died := make(map[*segment]int64)
	for {
		e, _, ok, err := it.next()
		if err != nil {
			return nil, fmt.Errorf("count dead bytes of partition %d: %w", d.partition.ID(), err)
		}
		if !ok || e.LastOffset() >= d.to {
			return died, nil
		}
		if seg := l.segmentsOf(logID(e.Log)).all().find(Position(e.Position)); seg != nil {
			died[seg] += int64(e.Length)
		}
	}
}

func subtract(died map[*segment]int64) {
	for seg, n := range died {
		seg.live.Add(-n)
	}
}

// entomb is called by the writer goroutine once a dropped partition takes no
// more appends. The next checkpoint counts all its bytes as dead and empties
// its index; if there is nothing to do for it, entomb reports so.
func (l *liveness) entomb(p *PartitionLog) (done bool) {
	p.mu.Lock()
	x, c := &p.mu.index, &p.mu.checkpoint
	if len(x.blocks)+len(x.tail) == 0 && x.frozen == nil && c.frozenAt >= c.dirtyAt {
		p.mu.Unlock()
		return true
	}
	p.touchLocked()
	from := p.mu.state.start
	p.mu.Unlock()
	l.note(&deadRange{partition: p, from: from, to: noOffset, dropped: true})
	return false
}

// empty has a checkpoint, that is about to be written, say that the partition
// holds nothing: whatever older index files have of it. If none has anything
// there is nothing to say, and it reports so.
func (p *PartitionLog) empty(number uint32) (unheard bool) {
	frozen := p.collect(number)
	p.mu.Lock()
	defer p.mu.Unlock()
	frozen.entries, frozen.shown, frozen.whole, frozen.truncatedTo = nil, nil, true, -1
	p.mu.index = partitionIndex{frozen: frozen}
	if unheard = p.mu.checkpoint.filed.newest == nil; unheard {
		p.mu.index.frozen = nil
	}
	return unheard
}
