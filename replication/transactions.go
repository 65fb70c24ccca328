package replication

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// A batch of a transaction may come late: held up in the network while the
// transaction was aborted, it would begin one that nobody ever ends. So the
// first batch that a producer writes to a partition in a transaction needs a
// word of the coordinator (KIP-890), in two steps. Verify gives a guard, the
// coordinator is asked, and Append takes the guard back. A marker in between
// makes the guard worthless, whatever the coordinator has said by then: it spoke
// of the transaction before. Numbers of guards are never given twice.

// Guard ties a transactional batch to one question to the coordinator. The zero
// value vouches for nothing.
type Guard struct{ n uint64 }

// Verification asks whether a transactional batch may be appended as things are.
type Verification struct {
	Producer model.ProducerID
	Epoch    model.ProducerEpoch
	Sequence int32 // base sequence of the batch; -1 for offset commits
	// BumpsEpoch is set for clients whose epoch rises with each transaction
	// (Produce 12, TxnOffsetCommit 5): their first sequence has to be 0.
	BumpsEpoch bool
}

// guard is what Verify remembers of a producer until its transaction begins.
type guard struct {
	n      uint64
	epoch  model.ProducerEpoch
	lowest int32 // sequence that was asked for; negative: none
	bumps  bool
	at     int64 // ms; of the newest question
	asked  int   // questions, less those that were withdrawn
}

// Verify returns needed false if the producer has a transaction of this very
// epoch open here, or nobody wants to know. Else the caller asks the coordinator
// first, and appends with the guard. Clients whose epoch rises leave it to that
// question to make the partition part of the transaction: theirs is always asked.
func (p *Partition) Verify(v Verification) (g Guard, needed bool) {
	if !p.verifies() && !v.BumpsEpoch {
		return Guard{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if open := p.mu.txns.open(v.Producer); open != nil && open.epoch == v.Epoch {
		return Guard{}, false
	}
	t := p.txnsLocked()
	x := t.guards[v.Producer]
	switch {
	case x == nil:
		t.given++
		x = &guard{n: t.given, epoch: v.Epoch, lowest: v.Sequence, bumps: v.BumpsEpoch}
		if t.guards == nil {
			t.guards = make(map[model.ProducerID]*guard)
		}
		t.guards[v.Producer] = x
	case v.Epoch > x.epoch:
		x.epoch, x.lowest, x.bumps = v.Epoch, v.Sequence, v.BumpsEpoch
	case v.Epoch == x.epoch:
		if v.Sequence >= 0 && (x.lowest < 0 || v.Sequence < x.lowest) {
			x.lowest = v.Sequence
		}
	}
	x.at = p.env.Clock.Now().UnixMilli()
	x.asked++
	return Guard{x.n}, true
}

func (t *txnTracker) guard(id model.ProducerID) *guard {
	if t == nil {
		return nil
	}
	return t.guards[id]
}

// Withdraw gives back a guard of Verify: the coordinator does not know such a
// transaction, and never will. A guard that all have given back is forgotten; else
// whoever makes up producers could fill the memory. Others stay, for the batch that
// comes again and has to be the first (see checkFirst).
func (p *Partition) Withdraw(id model.ProducerID, g Guard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.mu.txns.guard(id)
	if x == nil || x.n != g.n {
		return
	}
	if x.asked--; x.asked == 0 {
		p.forgetGuardLocked(id)
	}
}

// verifies reports whether transaction.partition.verification.enable is on.
func (p *Partition) verifies() bool {
	return p.env.VerifyTransactions == nil || p.env.VerifyTransactions()
}

// forgetGuard makes worthless what Verify has given for a producer.
func (p *Partition) forgetGuardLocked(id model.ProducerID) {
	if t := p.mu.txns; t != nil {
		if delete(t.guards, id); len(t.guards) == 0 {
			t.guards = nil
		}
	}
}

// expireGuards forgets what was asked before a time, ms, and never came back.
func (p *Partition) expireGuards(before int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.txns == nil {
		return
	}
	for id, x := range p.mu.txns.guards {
		if x.at < before {
			p.forgetGuardLocked(id)
		}
	}
}

// checkTxnLocked refuses a batch of a transaction that is neither open here nor
// vouched for. verified is what vouches for the first batch of one; nil if nothing
// has to. Offsets that a transaction commits need no word: the
// group's coordinator is the only one that writes there, and has asked before, in
// the order of its records.
func (p *Partition) checkTxnLocked(h *batch.Header, r *AppendRequest) (verified *guard, err *protocol.Error) {
	open := p.mu.txns.open(h.ProducerID)
	switch {
	case !h.IsTransactional(), r.Internal, open != nil && open.epoch == h.ProducerEpoch, !p.verifies():
		return nil, nil
	}
	verified = p.mu.txns.guard(h.ProducerID)
	if verified == nil || r.Guard.n != verified.n {
		return nil, protocol.Errorf(protocol.InvalidTxnState,
			"the batch of producer %d, epoch %d, is not part of a transaction that is open here: either the partition was not added to one, "+
				"or the transaction has ended since; begin a new one", h.ProducerID, h.ProducerEpoch)
	}
	return verified, nil
}

// checkTxnRoomLocked refuses the first batch of a transaction where so many are open,
// or were aborted and have records yet, that the partition could not keep what it
// knows of them. Offsets of transactions are let in: groups bound those.
func (p *Partition) checkTxnRoomLocked(h *batch.Header, r *AppendRequest) *protocol.Error {
	if !h.IsTransactional() || r.Internal || p.mu.txns.open(h.ProducerID) != nil {
		return nil
	}
	if n := p.mu.txns.length(); n >= p.log.TxnRoom() {
		return protocol.Errorf(protocol.PolicyViolation,
			"%d transactions are open in the partition and %d were aborted whose records it still has: it cannot remember more; "+
				"end those that are open, or let retention pass the aborted ones, or raise mainstem.log.segment.bytes", n, p.log.Aborted().Len())
	}
	return nil
}

// cutTxnsLocked follows the failure of what was queued from an offset on.
func (p *Partition) cutTxnsLocked(end model.Offset) {
	if p.mu.txns == nil {
		return
	}
	p.mu.txns.cut(end)
	now := p.env.Clock.Now().UnixMilli()
	for i := range p.mu.txns.list {
		// What failed may have been of a newer epoch.
		if x := &p.mu.txns.list[i]; x.marker < 0 {
			x.epoch = p.producerLocked(x.producer, now).epoch
		}
	}
	p.listOpenLocked()
}

// checkPlainLocked refuses a batch that belongs to no transaction while its
// producer has one open.
func (p *Partition) checkPlainLocked(h *batch.Header) *protocol.Error {
	if open := p.mu.txns.open(h.ProducerID); open != nil && !h.IsTransactional() {
		return protocol.Errorf(protocol.InvalidTxnState,
			"producer %d has a transaction open here since offset %d, and the batch belongs to none: commit or abort it first", h.ProducerID, open.first)
	}
	return nil
}

// checkFirst applies what is asked of the first batch of a transaction beyond
// its place in the sequence: no batch that was asked for earlier may be missing.
func (x *guard) checkFirst(v *producerView, h *batch.Header) *protocol.Error {
	switch {
	case x == nil || h.BaseSequence < 0 || h.ProducerEpoch != x.epoch:
		return nil
	case x.lowest >= 0 && h.BaseSequence > x.lowest:
		return protocol.Errorf(protocol.OutOfOrderSequenceNumber,
			"producer %d epoch %d begins a transaction here with sequence %d, and has asked for %d before: an earlier batch is missing",
			h.ProducerID, h.ProducerEpoch, h.BaseSequence, x.lowest)
	case x.bumps && !v.known && h.BaseSequence != 0:
		return protocol.Errorf(protocol.OutOfOrderSequenceNumber,
			"producer %d epoch %d is new here and begins with sequence %d; an epoch that belongs to one transaction begins with 0",
			h.ProducerID, h.ProducerEpoch, h.BaseSequence)
	}
	return nil
}
