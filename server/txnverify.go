package server

import (
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
)

// The first batch that a transaction writes to a partition needs a word of the
// coordinator (see replication.Verification); from version 12 of Produce on, that
// word makes the partition part of the transaction, too. The answer comes on a
// goroutine of the log, which must not check batches; and what the client sent
// behind it must not overtake it, or the log misses a sequence. So a connection's
// transactional requests take a place in a queue when they are read, while one of
// them waits for the coordinator, and are appended in that order, by one goroutine
// at a time. Where nothing has to be asked, there is no queue.

// Versions of Produce, by what they know of transactions.
const (
	// produceAbortable is the first whose clients know TRANSACTION_ABORTABLE.
	produceAbortable = 11
	// produceAdds is the first that leaves out AddPartitionsToTxn; the epoch of its
	// clients rises with each transaction.
	produceAdds = 12
)

// produceBatch is one batch of a Produce request on its way to its partition.
type produceBatch struct {
	part    *replication.Partition
	records []byte
	guard   replication.Guard
	refused *protocol.Error // by the coordinator
	// converted: the records are not in the request's memory.
	converted bool
	source    string // of an import; "": it is none
	done      func(replication.AppendResult)
}

func (b *produceBatch) append(buffer *span.Buffer) {
	if b.refused != nil {
		b.done(replication.AppendResult{Err: b.refused, BaseOffset: -1, LogAppendTime: -1, LogStart: -1})
		return
	}
	if b.converted {
		buffer, b.done = nil, keeping(buffer, b.done)
	}
	if b.source != "" {
		b.part.Import(replication.ImportRequest{Batches: b.records, Buffer: buffer, Source: b.source}, b.done)
		return
	}
	b.part.Append(replication.AppendRequest{Batch: b.records, Buffer: buffer, Guard: b.guard}, b.done)
}

// txnProduce is a Produce request with a transactional id.
type txnProduce struct {
	id      string
	version int16
	batches []produceBatch
	who     txn.Producer
	asks    []produceQuestion
}

// produceQuestion is about a batch that needs a word of the coordinator.
type produceQuestion struct {
	batch *produceBatch
	about replication.Verification
	part  model.TopicPartition
}

// deliver appends what a request with a transactional id holds, in its turn.
func (s *Server) deliver(c *call, t *txnProduce) {
	t.identify()
	buffer := c.buffer()
	queue := &c.conn.produced
	if len(t.asks) == 0 && queue.idle() {
		t.append(buffer)
		return
	}
	if buffer != nil {
		buffer.Retain() // the frame gives its own hold back when the handler returns
	}
	place := &turn{run: func() {
		t.append(buffer)
		if buffer != nil {
			buffer.Release()
		}
	}}
	queue.wait(place, &s.tasks, func(ready func()) { s.ask(t, ready) })
}

func (t *txnProduce) append(buffer *span.Buffer) {
	for i := range t.batches {
		t.batches[i].append(buffer)
	}
}

// identify finds the producer, and the batches that begin its transaction in their
// partitions. What is wrong with a batch itself its partition will say.
func (t *txnProduce) identify() {
	known := false
	for i := range t.batches {
		b := &t.batches[i]
		h, err := batch.Parse(b.records)
		if err != nil || !h.IsTransactional() || h.IsControl() {
			continue
		}
		who := txn.Producer{ID: h.ProducerID, Epoch: h.ProducerEpoch}
		if known && who != t.who {
			t.refuseAll(protocol.Errorf(protocol.InvalidProducerIDMapping,
				"a request of transactional id %q holds batches of producer %d, epoch %d, and of producer %d, epoch %d", t.id, t.who.ID, t.who.Epoch, who.ID, who.Epoch))
			return
		}
		known, t.who = true, who
		q := produceQuestion{
			batch: b, part: model.TopicPartition{Topic: b.part.Topic().Name, Partition: b.part.Index()},
			about: replication.Verification{Producer: who.ID, Epoch: who.Epoch, Sequence: h.BaseSequence, BumpsEpoch: t.version >= produceAdds},
		}
		if q.open() {
			t.asks = append(t.asks, q)
		}
	}
}

func (t *txnProduce) refuseAll(err *protocol.Error) {
	for k := range t.asks {
		t.asks[k].giveUp()
	}
	t.asks = nil
	for i := range t.batches {
		t.batches[i].refused = err
	}
}

// open takes a guard for the batch, and reports whether the question has to be put
// with it: not if the guard is the one for which it was.
func (q *produceQuestion) open() bool {
	guard, needed := q.batch.part.Verify(q.about)
	if needed && guard == q.batch.guard {
		return false
	}
	q.batch.guard = guard
	return needed
}

// giveUp gives the guard back.
func (q *produceQuestion) giveUp() {
	q.batch.part.Withdraw(q.about.Producer, q.batch.guard)
}

// passing reports whether a refusal of the coordinator may be another one in a moment.
func passing(code protocol.ErrorCode) bool {
	switch code { //nolint:exhaustive // All others are its last word.
	case protocol.ConcurrentTransactions, protocol.CoordinatorLoadInProgress, protocol.CoordinatorNotAvailable, protocol.NotCoordinator:
		return true
	}
	return false
}

// ask asks the coordinator, if there is something to ask, and calls ready when it
// knows.
//
// The coordinator may have waited for the markers of the transaction before, and
// these make guards worthless that were given earlier: then it is asked once more,
// with new ones. That is a question of memory, and the price of not having the
// client come again.
func (s *Server) ask(t *txnProduce, ready func()) {
	if len(t.asks) == 0 {
		ready()
		return
	}
	told := func(code func(k int) protocol.ErrorCode, why string) {
		var again []produceQuestion
		for k := range t.asks {
			q := &t.asks[k]
			if got := code(k); got != protocol.NoError {
				q.batch.refused = t.refusal(q, got, why)
				if !passing(got) {
					q.giveUp()
				}
			} else if q.open() {
				again = append(again, *q)
			}
		}
		if t.asks = again; len(again) == 0 {
			ready()
			return
		}
		s.tasks.run(func() { s.ask(t, ready) }) // this may be a goroutine of the log
	}
	parts := make([]model.TopicPartition, len(t.asks))
	for k := range t.asks {
		parts[k] = t.asks[k].part
	}
	if t.version >= produceAdds {
		s.txns.AddPartitions(t.id, t.who, parts, true, func(code protocol.ErrorCode, why string) {
			told(func(int) protocol.ErrorCode { return code }, why)
		})
		return
	}
	s.txns.Verify(t.id, t.who, parts, func(codes []protocol.ErrorCode, why string) {
		told(func(k int) protocol.ErrorCode { return codes[k] }, why)
	})
}

// refusal is the coordinator's word against a batch, and why.
func (t *txnProduce) refusal(q *produceQuestion, code protocol.ErrorCode, why string) *protocol.Error {
	if why != "" {
		why = ": " + why
	}
	return protocol.Errorf(produceVerdict(code, t.version),
		"the coordinator of transactional id %q refuses producer %d, epoch %d, for %s-%d: %s%s", t.id, t.who.ID, t.who.Epoch, q.part.Topic, q.part.Partition, code, why)
}

// produceVerdict is the coordinator's answer as producers of a version understand it.
func produceVerdict(code protocol.ErrorCode, version int16) protocol.ErrorCode {
	switch {
	case code == protocol.TransactionAbortable && version < produceAbortable:
		return protocol.InvalidTxnState
	case code == protocol.ProducerFenced:
		return protocol.InvalidProducerEpoch
	case code == protocol.ConcurrentTransactions && version < produceAdds,
		// Java tries again, without asking for metadata.
		code == protocol.CoordinatorLoadInProgress, code == protocol.CoordinatorNotAvailable, code == protocol.NotCoordinator:
		return protocol.NotEnoughReplicas
	}
	return code
}

// transactional reports whether a batch, which may be damaged in any way, says that
// it is part of a transaction.
func transactional(records []byte) bool {
	const atAttributes, bit = 22, 0x10
	return len(records) >= batch.HeaderSize && records[atAttributes]&bit != 0
}
