package log

import (
	"math/rand/v2"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// crashTxns is what a client of the crash tests knows of transactions: whether
// its producer has one open, and which producers it was before. It may have left
// them with one open, as clients that died do.
type crashTxns struct {
	open bool
	left []crashProducer
}

type crashProducer struct {
	id    model.ProducerID
	epoch model.ProducerEpoch
}

// leave has the client become another producer.
func (t *crashTxns) leave(c *crashClient) {
	if c.producer > 0 {
		t.left = append(t.left, crashProducer{c.producer, c.epoch})
		t.left = t.left[max(0, len(t.left)-4):]
	}
	t.open = false
}

// transactional decides whether the next batch is part of a transaction.
func (t *crashTxns) transactional(r *rand.Rand) bool {
	t.open = t.open || r.IntN(4) == 0
	return t.open
}

// next builds the client's next batch, or the marker that ends a transaction.
func (l *crashLife) next(c *crashClient) ([]byte, error) {
	if odds := 12; c.txns.open {
		odds = 4
		if l.rng.IntN(odds) > 0 {
			return l.batch(c)
		}
	} else if l.rng.IntN(odds) > 0 {
		return l.batch(c)
	}
	return l.marker(c), nil
}

// marker ends what the client has open, or what it once left so; now and then
// nothing at all.
func (l *crashLife) marker(c *crashClient) []byte {
	r := l.rng
	m := batch.Marker{
		Producer: c.producer, Epoch: c.epoch, Commit: r.IntN(2) == 0, CoordinatorEpoch: int32(r.IntN(3)), Timestamp: l.clock.Now().UnixMilli(),
	}
	bump := model.ProducerEpoch(r.IntN(2)) // as transactions of version 2 do
	m.Epoch += bump
	if n := len(c.txns.left); n > 0 && !c.txns.open {
		x := &c.txns.left[r.IntN(n)]
		x.epoch += bump
		m.Producer, m.Epoch = x.id, x.epoch
	} else {
		c.txns.open = false
		if c.epoch = m.Epoch; bump > 0 {
			c.sequence = 0
		}
	}
	b := batch.AppendMarker(nil, &m)
	batch.SetBaseOffset(b, c.next)
	batch.SetLeaderEpoch(b, l.leaderEpoch(c))
	if m.Commit {
		l.run.count.commits.Add(1)
	} else {
		l.run.count.aborts.Add(1)
	}
	return b
}

// uncommitted are the batches behind the last that committed something: a
// truncation takes no decision back, or the log would not know what it had
// decided (partitionState.truncateTransactions).
func uncommitted(alive []crashBatch) []crashBatch {
	for i := len(alive); i > 0; i-- {
		if m, ok, err := batch.ReadMarker(alive[i-1].bytes, &alive[i-1].header); err == nil && ok && m.Commit {
			return alive[i:]
		}
	}
	return alive
}

// ended takes a marker: what its producer has open is over.
func (p *crashPartition) ended(s *ProducerState, b *crashBatch) {
	m, ok, err := batch.ReadMarker(b.bytes, &b.header)
	if err != nil || !ok {
		panic("a marker of the test's own can not be read")
	}
	s.CoordinatorEpoch, s.LastMarker = m.CoordinatorEpoch, b.header.BaseOffset
	first := s.TxnFirst
	if s.TxnFirst = -1; first < 0 || m.Commit {
		return
	}
	stable := b.header.BaseOffset + 1
	for id, o := range p.producers {
		if id != s.ID && o.TxnFirst >= 0 {
			stable = min(stable, o.TxnFirst)
		}
	}
	p.aborted = append(p.aborted, AbortedTxn{Producer: s.ID, First: first, Last: b.header.BaseOffset, Stable: stable})
}

// reopen follows a truncation: a transaction whose abort it cuts is open again,
// and none is open that begins behind it: of these it returns the producers.
func (p *crashPartition) reopen(end model.Offset) (closed map[model.ProducerID]bool) {
	closed = map[model.ProducerID]bool{}
	for id, s := range p.producers {
		if s.TxnFirst >= end {
			s.TxnFirst, closed[id] = -1, true
			p.producers[id] = s
		}
	}
	for _, t := range p.aborted {
		if t.Last < end || t.First >= end {
			continue
		}
		s, ok := p.producers[t.Producer]
		if !ok {
			s = *newProducerState(t.Producer, -1)
		}
		s.TxnFirst = t.First
		p.producers[t.Producer] = s
	}
	p.aborted = slices.DeleteFunc(slices.Clone(p.aborted), func(t AbortedTxn) bool { return t.Last >= end })
	return closed
}

// forgetAborted leaves out what ended below an offset.
func (p *crashPartition) forgetAborted(offset model.Offset) {
	p.aborted = slices.DeleteFunc(slices.Clone(p.aborted), func(t AbortedTxn) bool { return t.Last < offset })
}

// sameTxns reports whether a rebuild found what a producer has open.
func sameTxns(want, got *ProducerState, known bool) bool {
	if !known {
		return want.TxnFirst < 0
	}
	return want.TxnFirst == got.TxnFirst
}

// open are the transactions that are open.
func (f *crashFound) open() map[model.ProducerID]model.Offset {
	open := map[model.ProducerID]model.Offset{}
	for id, s := range f.producers {
		if s.TxnFirst >= 0 {
			open[id] = s.TxnFirst
		}
	}
	return open
}
