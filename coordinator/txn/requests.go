package txn

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// InitProducerID handles InitProducerId of a transactional id, versions 0 to 5.
func (t *Transactions) InitProducerID(req *kmsg.InitProducerIDRequest, caller Caller, reply func(*kmsg.InitProducerIDResponse)) {
	answer := func(code protocol.ErrorCode, as Producer) {
		resp := kmsg.NewPtrInitProducerIDResponse()
		resp.Version, resp.ErrorCode = req.Version, int16(code)
		resp.ProducerID, resp.ProducerEpoch = int64(as.ID), int16(as.Epoch)
		reply(resp)
	}
	refuse := func(code protocol.ErrorCode) { answer(code, nobody()) }
	q := initQuestion{timeout: req.TransactionTimeoutMillis, given: nobody()}
	if req.Version >= 3 {
		q.given = Producer{model.ProducerID(req.ProducerID), model.ProducerEpoch(req.ProducerEpoch)}
	}
	switch {
	case req.TransactionalID == nil || *req.TransactionalID == "",
		(q.given.ID == noProducer) != (q.given.Epoch == noEpoch):
		refuse(protocol.InvalidRequest)
		return
	case q.timeout <= 0 || int64(q.timeout) > t.config().TimeoutMax.Milliseconds():
		t.refusedTimeout(*req.TransactionalID, &q, caller)
		refuse(protocol.InvalidTransactionTimeout)
		return
	}
	t.ask(*req.TransactionalID, func(m *machine, s *step, r *request) {
		m.initProducer(s, r, q, caller, func(as Producer) { answer(protocol.NoError, as) })
	}, refuse)
}

// refusedTimeout tells the log what no client shows: the most that there may be.
func (t *Transactions) refusedTimeout(id string, q *initQuestion, caller Caller) {
	t.env.Events(Event{
		Kind: Refused, Shard: t.Shard(id), ID: id, Producer: q.given, Client: caller, Code: protocol.InvalidTransactionTimeout,
		Reason: fmt.Sprintf("its transaction.timeout.ms is %d, and the broker allows 1 to %d (transaction.max.timeout.ms); set it so", q.timeout, t.config().TimeoutMax.Milliseconds()),
	})
}

func (m *machine) initProducer(s *step, r *request, q initQuestion, caller Caller, reply func(Producer)) {
	tx := m.ids[r.id]
	to, code := decideInit(tx, q, s.Wall(), s.fresh)
	if code == protocol.ConcurrentTransactions && tx.state == Ongoing {
		if failed := m.fence(s, tx, ByNewer, caller); failed != protocol.NoError {
			code = failed
		}
	}
	switch code {
	case protocol.NoError:
		if tx != nil && q.given == nobody() {
			s.replaced(tx, caller)
		}
		tx = m.write(s, r.id, to)
		tx.caller = caller.kept()
		as := tx.who()
		s.accept(r, func() { reply(as) })
	case protocol.ConcurrentTransactions:
		m.await(s, tx, r)
	default:
		s.refused(r.id, tx, q.given, code)
		s.reply(r, code)
	}
}

// Verdict is the answer about partitions: a code, and words for it.
type Verdict func(code protocol.ErrorCode, why string)

// AddPartitions makes partitions part of the transaction of a producer, all or
// none. bumps tells that its client has transaction version 2. Whether the
// partitions exist is the caller's to know.
func (t *Transactions) AddPartitions(id string, who Producer, parts []model.TopicPartition, bumps bool, reply Verdict) {
	t.ask(id, func(m *machine, s *step, r *request) { m.add(s, r, who, parts, bumps, reply) }, func(code protocol.ErrorCode) {
		reply(code, refusal(nil, who, code))
	})
}

func (m *machine) add(s *step, r *request, who Producer, parts []model.TopicPartition, bumps bool, reply Verdict) {
	tx := m.ids[r.id]
	to, write, code := decideAdd(tx, who, parts, bumps, s.Wall())
	switch {
	case code == protocol.ConcurrentTransactions:
		m.await(s, tx, r)
		return
	case write && len(r.id)+to.size() > s.config.UnitBytesMax:
		code = protocol.InvalidRequest // one record has to hold all of them
	case write:
		m.write(s, r.id, to)
	}
	why := s.refused(r.id, tx, who, code)
	s.accept(r, func() { reply(code, why) })
}

// Verify tells for each partition whether it is part of the ongoing transaction of
// a producer: TRANSACTION_ABORTABLE if not. why is for those that it is refused.
func (t *Transactions) Verify(id string, who Producer, parts []model.TopicPartition, reply func(codes []protocol.ErrorCode, why string)) {
	answer := func(codes []protocol.ErrorCode, why string) {
		t.verified.count(codes)
		reply(codes, why)
	}
	same := func(code protocol.ErrorCode, why string) {
		codes := make([]protocol.ErrorCode, len(parts))
		for i := range codes {
			codes[i] = code
		}
		answer(codes, why)
	}
	t.ask(id, func(m *machine, s *step, r *request) {
		tx := m.ids[r.id]
		codes, code := verify(tx, who, parts)
		switch code {
		case protocol.NoError:
			s.accept(r, func() { answer(codes, refusal(nil, who, protocol.TransactionAbortable)) })
		case protocol.ConcurrentTransactions:
			m.await(s, tx, r)
		default:
			why := s.refused(r.id, tx, who, code)
			s.accept(r, func() { same(code, why) })
		}
	}, func(code protocol.ErrorCode) { same(code, refusal(nil, who, code)) })
}

// EndTxn handles EndTxn, versions 0 to 5. It is answered when the decision is safe;
// the markers are written meanwhile.
func (t *Transactions) EndTxn(req *kmsg.EndTxnRequest, reply func(*kmsg.EndTxnResponse)) {
	answer := func(e ended) {
		resp := kmsg.NewPtrEndTxnResponse()
		resp.Version, resp.ErrorCode = req.Version, int16(e.code)
		resp.ProducerID, resp.ProducerEpoch = int64(e.as.ID), int16(e.as.Epoch)
		reply(resp)
	}
	const bumping = 5 // clients of it have transaction version 2
	e := ending{
		who:    Producer{model.ProducerID(req.ProducerID), model.ProducerEpoch(req.ProducerEpoch)},
		commit: req.Commit, bumps: req.Version >= bumping,
	}
	t.ask(req.TransactionalID, func(m *machine, s *step, r *request) {
		m.end(s, r, e, answer)
	}, func(code protocol.ErrorCode) { answer(refused(code)) })
}

func (m *machine) end(s *step, r *request, e ending, answer func(ended)) {
	to, write, result := decideEnd(m.ids[r.id], e, s.Wall(), s.fresh)
	if write {
		tx := m.write(s, r.id, to)
		tx.last = &Ending{Commit: e.commit, Why: ByClient, At: s.Wall()}
		s.accept(r, func() { answer(result) }) // before the markers: the client need not wait for them
		m.decided(s, tx, ByClient)
		return
	}
	if tx := m.ids[r.id]; result.code == protocol.InvalidTxnState && e.hastens(tx) {
		tx.hasty = true
		result = refused(protocol.ConcurrentTransactions)
	}
	s.refused(r.id, m.ids[r.id], e.who, result.code)
	s.accept(r, func() { answer(result) })
}

// AnyStart stands for a transaction whenever it began.
const AnyStart = noTime

// Abort aborts an ongoing transaction as an operator wishes, and is answered when its
// markers are written: who reads committed data goes on by then. start is when it
// began, ms, for who has looked at it before: another one stays.
// TRANSACTIONAL_ID_NOT_FOUND: there is no such id; INVALID_TXN_STATE: it has no such
// transaction open; CONCURRENT_TRANSACTIONS: that was being ended already, or is aborted
// and its markers take longer than abortPatience.
func (t *Transactions) Abort(id string, start int64, caller Caller, reply func(protocol.ErrorCode)) {
	decided := false
	t.ask(id, func(m *machine, s *step, r *request) {
		tx := m.ids[id]
		code := protocol.InvalidTxnState
		switch {
		case decided: // and it has waited
			code = protocol.NoError
		case tx == nil:
			code = protocol.TransactionalIDNotFound
		case start != AnyStart && start != tx.start:
		case tx.state == Ongoing:
			code = m.fence(s, tx, ByOperator, caller)
			decided = code == protocol.NoError
		case tx.state.prepared():
			code = protocol.ConcurrentTransactions
		}
		if tx = m.ids[id]; decided && tx != nil && tx.state.prepared() {
			m.awaitFor(s, tx, r, abortPatience)
			return
		}
		s.reply(r, code)
	}, reply)
}

// abortPatience is how long an operator waits for the markers: longer than a client,
// who is told to come again.
const abortPatience = 5 * time.Second
