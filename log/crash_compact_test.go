package log

import (
	"errors"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// crashClean is what compaction makes of a batch: it depends on nothing but the
// batch and how far the compaction goes, so the oracle can do it too.
func crashClean(b []byte, to model.Offset) ([]byte, error) {
	h, err := batch.Parse(b)
	if err != nil {
		return nil, err
	}
	switch (int64(h.BaseOffset)*7 + int64(to)) % 4 {
	case 0:
		return nil, nil
	case 1:
		if h.Records < 2 {
			return b, nil
		}
		half := batch.NewBuilder(batch.None)
		half.BaseOffset, half.LeaderEpoch = h.BaseOffset, h.LeaderEpoch
		half.ProducerID, half.ProducerEpoch, half.BaseSequence = h.ProducerID, h.ProducerEpoch, h.BaseSequence
		for i := range h.Records / 2 {
			half.Add(h.FirstTimestamp, fmt.Appendf(nil, "key %d", i), []byte("left"))
		}
		return half.Build(nil)
	}
	return b, nil
}

// crashCleaner is a BatchCleaner.
type crashCleaner struct {
	room    int // batches that it learns
	to      model.Offset
	between func()
}

func (c *crashCleaner) Learn(b []byte) (full bool, err error) {
	h, err := batch.Parse(b)
	if err != nil || c.room == 0 {
		return true, err
	}
	c.room--
	c.to = h.LastOffset() + 1
	return false, nil
}

func (c *crashCleaner) Clean(b []byte) ([]byte, error) {
	if c.between != nil {
		c.between()
		c.between = nil
	}
	return crashClean(b, c.to)
}

// clean is a cleaned-to entry.
func (p *crashPartition) clean(to model.Offset) error {
	p.cleanedTo = to
	p.forgetAborted(to)
	var kept []crashBatch
	for _, b := range p.batches {
		if b.header.LastOffset() >= to {
			kept = append(kept, b)
			continue
		}
		left, err := crashClean(b.bytes, to)
		if err != nil {
			return err
		}
		if left != nil && &left[0] == &b.bytes[0] {
			kept = append(kept, b)
			continue
		}
		p.changed = append(p.changed, b)
		if left == nil {
			continue
		}
		h, err := batch.Parse(left)
		if err != nil {
			return err
		}
		kept = append(kept, crashBatch{header: h, bytes: left})
	}
	p.batches = kept
	return nil
}

// hear hears of a compaction in the log's order: from the writer's goroutine, as
// appends hear that they are written.
func (r *crashRun) hear(e Event) {
	if x, ok := e.(PartitionCompacted); ok {
		r.history.wrote(&crashOp{partition: x.Partition, kind: KindCleanedTo, argument: x.To})
	}
	if _, ok := e.(RebuildBegins); ok {
		r.past.remade = true
	}
	if x, ok := e.(CorruptionFound); ok { // by Open, in its goroutine
		r.tracef("%v", x)
	}
	r.count.hear(e)
	if r.onEvent != nil {
		r.onEvent(e)
	}
}

// compact compacts a partition; now and then something comes in between.
func (l *crashLife) compact(c *crashClient) {
	l.gate.set(false)
	if l.rng.IntN(2) == 0 {
		l.await(c, 0)
	}
	p := l.log.Partition(c.id)
	cleaner := &crashCleaner{room: []int{3, 10, 1000}[l.rng.IntN(3)]}
	switch l.rng.IntN(8) {
	case 0:
		cleaner.between = func() { l.truncate(c) }
	case 1:
		cleaner.between = func() { l.logStart(c) }
	case 2:
		cleaner.between = l.relocate
	case 3:
		cleaner.between = l.reclaim
	}
	limit := p.DurableEnd()
	if l.rng.IntN(4) == 0 {
		limit -= model.Offset(l.rng.IntN(10))
	}
	_, err := p.Compact(limit, cleaner, Pace{})
	if errors.Is(err, ErrOvertaken) {
		l.run.count.overtaken.Add(1)
		return
	}
	if fired, _, _ := l.plan.state(); err != nil && !fired {
		l.run.history.complain("compact: %v", err)
	}
}
