package log

import (
	"fmt"
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
		dead []deadRange // in the order in which they died
	}
}

// deadRange is a range of a partition's offsets that no reader will ask for.
// A batch died with it if its last record lies in it.
type deadRange struct {
	partition *PartitionLog
	from, to  model.Offset
	dropped   bool // the whole partition is to be forgotten
}

// applyControl applies a truncate, log-start or partition-state entry, and
// notes what died by it.
func (l *liveness) applyControl(p *PartitionLog, h *entryHeader, payload []byte) error {
	switch h.Kind {
	case KindTruncate:
		// The index forgets what is cut, so it has to be counted first.
		err := l.count(deadRange{partition: p, from: max(h.BaseOffset, p.Start()), to: p.End()})
		p.applyTruncate(h.Position, h.BaseOffset, h.Epoch)
		return err
	case KindLogStart:
		from := p.Start()
		p.applyLogStart(h.Position, h.BaseOffset, h.Epoch)
		l.note(deadRange{partition: p, from: from, to: p.Start()})
	case KindPartitionState:
		// It changes something only in a rebuild, when the entries that it stands
		// for were reclaimed.
		restated, err := decodeState(payload)
		if err != nil {
			return err
		}
		from := p.Start()
		err = l.count(deadRange{partition: p, from: max(restated.end, from), to: p.End()})
		if err := p.applyState(h.Position, payload, h.Epoch); err != nil {
			return err
		}
		l.note(deadRange{partition: p, from: from, to: p.Start()})
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
func (l *liveness) note(d deadRange) {
	if d.from >= d.to && !d.dropped {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.dead = append(l.mu.dead, d)
}

// take returns what is to be counted.
func (l *liveness) take() []deadRange {
	l.mu.Lock()
	defer l.mu.Unlock()
	dead := l.mu.dead
	l.mu.dead = nil
	return dead
}

// giveBack returns ranges that were taken and not counted.
func (l *liveness) giveBack(dead []deadRange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.dead = append(dead, l.mu.dead...)
}

// count subtracts a dead range's batches from their segments.
func (l *liveness) count(d deadRange) error {
	return l.countWith(d, func(*segment, int64) {})
}

// countWith is count, and tells of each batch. It counts all or nothing.
func (l *liveness) countWith(d deadRange, also func(seg *segment, bytes int64)) error {
	it, err := d.partition.iterate(d.from)
	if err != nil {
		return fmt.Errorf("count dead bytes of partition %d: %w", d.partition.ID(), err)
	}
	defer it.close()
	died := make(map[*segment]int64)
	for {
		e, _, ok, err := it.next()
		if err != nil {
			return fmt.Errorf("count dead bytes of partition %d: %w", d.partition.ID(), err)
		}
		if !ok || e.LastOffset() >= d.to {
			break
		}
		if seg := l.segmentsOf(logID(e.Log)).all().find(Position(e.Position)); seg != nil {
			died[seg] += int64(e.Length)
		}
	}
	for seg, n := range died {
		seg.live.Add(-n)
		also(seg, n)
	}
	return nil
}

// entomb is called by the writer goroutine once a dropped partition takes no
// more appends. The next checkpoint counts all its bytes as dead and empties
// its index; if there is nothing to do for it, entomb reports so.
func (l *liveness) entomb(p *PartitionLog) (done bool) {
	p.mu.Lock()
	x, c := &p.mu.index, &p.mu.checkpoint
	if len(x.blocks)+len(x.frozen)+len(x.tail) == 0 && c.frozen == nil && c.frozenAt >= c.dirtyAt {
		p.mu.Unlock()
		return true
	}
	p.touchLocked()
	from := p.mu.state.start
	p.mu.Unlock()
	l.note(deadRange{partition: p, from: from, to: noOffset, dropped: true})
	return false
}

// empty has a checkpoint, that is about to be written, say that the partition
// holds nothing: whatever older index files have of it. If none has anything
// there is nothing to say, and it reports so.
func (p *PartitionLog) empty(number uint32) (unheard bool) {
	frozen := p.collect(number)
	p.mu.Lock()
	defer p.mu.Unlock()
	frozen.entries, frozen.whole, frozen.truncatedTo = nil, true, -1
	p.mu.index = partitionIndex{}
	if unheard = p.mu.checkpoint.filed.newest == nil; unheard {
		p.mu.checkpoint.frozen = nil
	}
	return unheard
}
