package log

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Backlog is what lies between two offsets of a partition.
type Backlog struct {
	// Bytes is the size of the batches, the first and the last one as a whole.
	Bytes int64
	// Oldest is when the first of them was appended, ms; 0: there is none.
	Oldest int64
	// Markers says that all of them end transactions: no consumer is given any.
	Markers bool
	// Gaps says that compaction may have left gaps in the offsets between.
	Gaps bool
}

// Backlog tells what lies between two offsets, by two entries of the index
// whatever the distance; where so few bytes lie between that they may be markers,
// it looks at them. What damage took from readers counts as if it were there.
func (p *PartitionLog) Backlog(from, limit model.Offset) (Backlog, error) {
	from = max(from, p.Start())
	if from >= limit {
		return Backlog{}, nil
	}
	b := Backlog{Gaps: from < p.cleaned().to}
	it, err := p.iterate(from)
	if err != nil {
		return b, err
	}
	first, _, ok, err := it.next()
	if err != nil || !ok || first.BaseOffset >= limit {
		return b, err
	}
	last, ok, err := p.lastBegun(limit)
	if err != nil || !ok || last.TotalBytes < first.TotalBytes {
		return b, err // the second: all of it went between the two looks
	}
	b.Oldest = first.AppendTime
	b.Bytes = int64(last.TotalBytes - first.TotalBytes + uint64(first.Length))
	if b.Bytes <= batchesLookedAt*batch.MarkerSize && b.Bytes%batch.MarkerSize == 0 {
		b.Markers, err = p.AllAre(from, limit, func(h *batch.Header) bool { return h.IsControl() && h.Size == batch.MarkerSize })
	}
	return b, err
}

// batchesLookedAt is how many batches in a row AllAre looks at: a consumer at the end
// of a partition has a marker of each producer before it.
const batchesLookedAt = 64

// AllAre reports whether all batches between two offsets are of a kind, as far as
// that can be seen by their headers. More than a few dozen are not looked at, nor is
// what damage took, and are not of it.
func (p *PartitionLog) AllAre(from, limit model.Offset, kind func(*batch.Header) bool) (bool, error) {
	it, err := p.iterate(max(from, p.Start()))
	if err != nil {
		return false, err
	}
	for range batchesLookedAt {
		e, _, ok, err := it.next()
		if err != nil || !ok || e.BaseOffset >= limit {
			return err == nil, err
		}
		if p.log.damage.batchLost(p.id, &e) {
			return false, nil
		}
		_, h, release, err := p.batchAt(e)
		if err != nil {
			return false, err
		}
		release()
		if !kind(&h) {
			return false, nil
		}
	}
	return false, nil
}

// lastBegun finds the last entry that begins below an offset.
func (p *PartitionLog) lastBegun(limit model.Offset) (index.Entry, bool, error) {
	last, ok, err := p.lastBelow(limit)
	if err != nil || ok && last.LastOffset() == limit-1 { // as at a high watermark
		return last, ok, err
	}
	it, err := p.iterate(limit - 1)
	if err != nil {
		return last, ok, err
	}
	across, _, found, err := it.next()
	if err != nil || !found || across.BaseOffset >= limit {
		return last, ok, err
	}
	return across, true, nil
}
