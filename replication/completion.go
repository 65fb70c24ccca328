package replication

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
)

var _ log.Completion = (*pendingAppend)(nil)

// Written implements log.Completion: the index finds the batch. An async
// topic's watermark moves now, unless a batch before it still awaits the disk.
func (a *pendingAppend) Written(*log.Append) {
	p := a.part
	p.mu.Lock()
	if len(p.mu.pending) > 0 && p.mu.pending[0] == a {
		p.mu.pending[0] = nil
		p.mu.pending = p.mu.pending[1:]
		if len(p.mu.pending) == 0 {
			p.mu.pending = nil
		}
	}
	if a.hold || p.mu.holdUntil > p.mu.hw {
		p.mu.Unlock()
		return
	}
	p.advanceAndUnlock(a.unit.LastOffset() + 1)
}

// Durable implements log.Completion.
func (a *pendingAppend) Durable(*log.Append) {
	p := a.part
	p.mu.Lock()
	end := a.unit.LastOffset() + 1
	if p.mu.async && end >= p.mu.holdUntil {
		// Nothing awaits the disk any more: async batches behind the last sync
		// one may have been written meanwhile.
		end = max(end, p.writtenEndLocked())
	}
	p.advanceAndUnlock(end)
}

// writtenEndLocked is the end of what Written has reported.
func (p *Partition) writtenEndLocked() model.Offset {
	if len(p.mu.pending) > 0 {
		return p.mu.pending[0].unit.BaseOffset
	}
	return p.mu.next
}

// Failed implements log.Completion.
func (a *pendingAppend) Failed(_ *log.Append, err error) {
	a.part.failFrom(a.unit.Generation, a.unit.BaseOffset, err)
}

// failFrom follows the failure of a unit of work at an offset. The log fails
// everything of the partition that stood behind it too, so all of that goes at
// once here; the reports that follow for the others find their generation
// passed.
func (p *Partition) failFrom(generation uint32, end model.Offset, err error) {
	p.mu.Lock()
	if generation < p.mu.gen || p.mu.dropped != nil {
		p.mu.Unlock()
		return
	}
	for i, x := range p.mu.pending {
		if x.unit.BaseOffset >= end {
			clear(p.mu.pending[i:])
			p.mu.pending = p.mu.pending[:i]
			break
		}
	}
	p.mu.holdUntil = min(p.mu.holdUntil, end)
	p.mu.next = end
	p.cutTxnsLocked(end)
	p.mu.gen = p.log.Generation()
	failed := p.mu.waiters.takeAbove(end)
	p.mu.Unlock()
	failAll(failed, storageError(err))
}

// advanceAndUnlock raises the high watermark, if end is above it, and answers
// who waited for it. Callbacks run without the lock.
func (p *Partition) advanceAndUnlock(end model.Offset) {
	if end <= p.mu.hw {
		p.mu.Unlock()
		return
	}
	p.mu.hw = end
	p.mu.txns.passed(end)
	p.listOpenLocked()
	ready := p.mu.waiters.takeUpTo(end)
	listeners := p.mu.listeners
	p.mu.Unlock()
	// Readers first: a session looks only at partitions with news, and who was
	// acknowledged may ask in one at once, without waiting.
	p.notify(listeners)
	if len(ready) > 0 {
		succeedAll(ready, p.log.Start())
	}
}
