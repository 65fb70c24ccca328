package log

import (
	"errors"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// The apply methods change a partition by what an entry of the log says. One
// goroutine calls them, in log order: recovery, then the writer. So what they
// read before they take the lock is still so when they have it.

// applyBatches takes what the writer has put into the file, or what recovery
// found there.
func (p *PartitionLog) applyBatches(b batchesApplied) {
	if len(b.Headers) == 0 {
		return
	}
	if base := b.Headers[0].BaseOffset; base < p.End() {
		p.cut(base, b.Epoch)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	p.log.shared.dirty.entries += len(b.Headers)
	state := &p.mu.state
	totals := state.totals
	distance := b.Distance
	for i := range b.Headers {
		h := &b.Headers[i]
		totals.runningMax = max(totals.runningMax, h.MaxTimestamp)
		totals.bytes += uint64(h.Size)
		p.mu.index.tail = append(p.mu.index.tail, index.Entry{
			BaseOffset:      h.BaseOffset,
			LastOffsetDelta: h.LastOffsetDelta,
			Log:             uint8(b.Log),
			Position:        uint64(b.Entry) + uint64(distance),
			EntryDistance:   distance,
			Length:          uint32(h.Size),
			MaxTimestamp:    h.MaxTimestamp,
			RunningMax:      totals.runningMax,
			AppendTime:      b.AppendTime,
			TotalBytes:      totals.bytes,
		})
		distance += uint32(h.Size)
	}
	state.applyBatches(&b, p.log.shared.producersMax)
}

// applyTruncate takes a truncate entry. end is the boundary of a batch.
func (p *PartitionLog) applyTruncate(at Position, end model.Offset, epoch model.LeaderEpoch) {
	if !p.cut(end, epoch) {
		return // as with a log start: one without effect stands for nothing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.state.at.Truncate = at
}

// cut lowers the end. What the remaining batches sum up to is read from the
// index before the lock is taken; only the caller's goroutine changes it. If
// that fails, the totals stay as they are: they still never fall, so that
// searches stay right, and the size is too large until the next rebuild. It
// reports whether there was anything to cut.
func (p *PartitionLog) cut(end model.Offset, epoch model.LeaderEpoch) bool {
	totals, err := p.totalsBelow(end)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	state := &p.mu.state
	state.raiseEpoch(epoch)
	if end >= state.end {
		state.cutCleaned(end) // in a rebuild, where the end is not known yet
		return false
	}
	if err != nil {
		totals = state.totals
	}
	state.applyTruncate(end, totals)
	p.mu.durable = min(p.mu.durable, end)
	p.mu.index.cut(end)
	p.mu.checkpoint.cut(end)
	return true
}

// totalsBelow is what the batches below end sum up to.
func (p *PartitionLog) totalsBelow(end model.Offset) (indexTotals, error) {
	p.mu.Lock()
	totals := p.mu.state.totals
	p.mu.Unlock()
	last, ok, err := p.lastBelow(end)
	if err != nil {
		return totals, err
	}
	if !ok {
		return indexTotals{runningMax: noTimestamp, bytes: totals.startBytes, startBytes: totals.startBytes}, nil
	}
	totals.runningMax, totals.bytes = last.RunningMax, last.TotalBytes
	totals.startBytes = min(totals.startBytes, totals.bytes)
	return totals, nil
}

// applyLogStart takes a log-start entry.
func (p *PartitionLog) applyLogStart(at Position, start model.Offset, epoch model.LeaderEpoch) {
	startBytes, err := p.bytesBelow(start)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	state := &p.mu.state
	state.raiseEpoch(epoch)
	if start > state.start {
		// Only the entry that raised the start may stand for it: it is restated
		// before its segment goes, while one without effect says less.
		state.at.LogStart = at
	}
	if err != nil {
		startBytes = state.totals.startBytes
	}
	state.applyLogStart(start, startBytes)
}

// bytesBelow is TotalBytes of what lies wholly below the offset.
func (p *PartitionLog) bytesBelow(offset model.Offset) (uint64, error) {
	it, err := p.iterate(offset)
	if err != nil {
		return 0, err
	}
	defer it.close()
	e, _, ok, err := it.next()
	if err != nil {
		return 0, err
	}
	if !ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.mu.state.totals.bytes, nil
	}
	return e.TotalBytes - uint64(e.Length), nil
}

// applyHole takes note of an entry that can not be read any more, but is known
// to have held the offsets up to end: they are given, and will not be again.
func (p *PartitionLog) applyHole(at Position, end model.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	p.mu.state.applyHole(end)
	p.mu.state.at.Batches = at
}

// applyState takes a partition-state entry: the whole state, restated so that
// older segments could go. It changes nothing in a log that is complete.
func (p *PartitionLog) applyState(at Position, payload []byte, epoch model.LeaderEpoch) error {
	restated, err := decodeState(payload)
	if err != nil {
		return err
	}
	if restated.end < p.End() {
		p.cut(restated.end, epoch)
	}
	startBytes, err := p.bytesBelow(restated.start)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	state := &p.mu.state
	epochBefore := state.lastEpoch
	if restated.cleanedPart() != state.cleanedPart() {
		p.mu.uninstalled = true // in a rebuild, or where damage hid what it says
	}
	state.adopt(restated)
	state.raiseEpoch(max(epochBefore, epoch))
	state.at.State = at
	if err == nil {
		state.totals.startBytes = startBytes
	}
	return nil
}

// stateEntry is the payload of a partition-state entry: everything but the index.
func (p *PartitionLog) stateEntry() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.encode()
}

// setDurable hears that the entry at this Position is on disk, and the
// partition up to end with it. If the partition was truncated by a later entry
// it says nothing about what came after: the same offsets may be others now.
func (p *PartitionLog) setDurable(at Position, end model.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.mu.state.at.Truncate; t != noPosition && at < t {
		return
	}
	p.mu.durable = max(p.mu.durable, min(end, p.mu.state.end))
}

// raiseGeneration makes everything stale that was built on a failed append.
func (p *PartitionLog) raiseGeneration() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.generation++
}

// refuse makes the partition refuse appends; nil lifts it.
func (p *PartitionLog) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.refused = err
}

// positions says where the newest entry of each kind stands.
func (p *PartitionLog) positions() entryPositions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.at
}

// lastEpoch is the highest epoch of any entry, -1 if there is none.
func (p *PartitionLog) lastEpoch() model.LeaderEpoch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.lastEpoch
}

// damaged marks an error of the index as damage, unless the disk failed.
func damaged(err error) error {
	if errors.Is(err, index.ErrCorrupt) {
		return errors.Join(ErrCorrupt, err)
	}
	return err
}
