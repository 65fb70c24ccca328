package txn

import (
	"math"

	"github.com/mainstem-mq/mainstem/protocol"
)

// ending is what EndTxn asks.
type ending struct {
	who    Producer
	commit bool
	bumps  bool // the client has transaction version 2, whatever added the partitions
}

func (e *ending) prepare() State {
	if e.commit {
		return PrepareCommit
	}
	return PrepareAbort
}

// ended is the answer: as whom the client goes on.
type ended struct {
	code protocol.ErrorCode
	as   Producer
}

func refused(code protocol.ErrorCode) ended { return ended{code, nobody()} }

// decideEnd commits or aborts. write is false where nothing changes.
func decideEnd(tx *transaction, e ending, now int64, fresh newID) (to change, write bool, answer ended) {
	switch {
	case tx == nil:
		return change{}, false, refused(protocol.InvalidProducerIDMapping)
	case tx.succeeds(e.who):
		return change{}, false, refused(protocol.ConcurrentTransactions)
	case e.bumps:
		return decideEndBumping(tx, e, now, fresh)
	}
	return decideEndPlain(tx, e, now)
}

// decideEndPlain is for clients of transaction versions 0 and 1: the epoch stays,
// so a repeated request looks like the first.
func decideEndPlain(tx *transaction, e ending, now int64) (to change, write bool, answer ended) {
	if code := e.identify(tx); code != protocol.NoError {
		return change{}, false, refused(code)
	}
	if tx.state != Ongoing {
		return change{}, false, ended{outcome(tx.state, e.commit), nobody()}
	}
	to = tx.to(e.prepare(), now)
	to.lastEpoch, to.client = tx.lastEpoch, versionPlain
	return to, true, ended{protocol.NoError, nobody()}
}

func (e *ending) identify(tx *transaction) protocol.ErrorCode {
	switch {
	case e.who.ID != tx.producer:
		return protocol.InvalidProducerIDMapping
	case e.who.Epoch != tx.epoch:
		return protocol.ProducerFenced
	}
	return protocol.NoError
}

// outcome answers who asks for a transaction to be ended that is not open any more,
// or never was. While the markers are written nobody is told how it ended.
func outcome(s State, commit bool) protocol.ErrorCode {
	switch {
	case s.prepared():
		return protocol.ConcurrentTransactions
	case s == CompleteCommit && commit, s == CompleteAbort && !commit:
		return protocol.NoError
	}
	return protocol.InvalidTxnState
}

// decideEndBumping is for clients of transaction version 2. Each end raises the
// epoch, so that nothing of this transaction can become part of the next; and a
// repeated request shows by its epoch, which is the one before.
func decideEndBumping(tx *transaction, e ending, now int64, fresh newID) (to change, write bool, answer ended) {
	overflown := e.who.ID == tx.previous && e.who.Epoch == math.MaxInt16-1 && tx.epoch == 0
	// What a client of an older version ended raised nothing: who has the epoch before
	// is another producer then, and must not be told how this one goes on.
	repeated := overflown || tx.client >= versionBumps && e.who.Epoch < math.MaxInt16 && tx.epoch == e.who.Epoch+1
	switch {
	case e.who.ID != tx.producer && !overflown:
		return change{}, false, refused(protocol.InvalidProducerIDMapping)
	case repeated && tx.state != Ongoing && tx.state != Empty:
		if code := outcome(tx.state, e.commit); code != protocol.NoError {
			return change{}, false, refused(code)
		}
		return change{}, false, ended{protocol.NoError, tx.who()}
	case e.who.Epoch != tx.epoch:
		return change{}, false, refused(protocol.ProducerFenced)
	case tx.state.prepared():
		return change{}, false, refused(protocol.ConcurrentTransactions)
	case tx.state != Ongoing && e.commit:
		return change{}, false, refused(protocol.InvalidTxnState)
	}
	// An abort without partitions is taken: the client may not know that none of its
	// batches arrived.
	to, ok := prepareBumping(tx, e.prepare(), now, fresh)
	if !ok {
		return change{}, false, refused(protocol.CoordinatorLoadInProgress)
	}
	return to, true, ended{protocol.NoError, to.successor()}
}

// hastens reports whether the commit of a transaction that has not begun may have
// overtaken its first batch. Java's producer (4.2) looks whether a batch waits to be
// sent before it looks for an EndTxn to send, and the application may send and commit
// between the two looks. Kafka answers then, as a rule, that the transaction before is
// still being ended, and the producer comes again, behind its batch. Here that has
// ended by then, and INVALID_TXN_STATE would be the producer's end: so it is told to
// come again, once.
func (e *ending) hastens(tx *transaction) bool {
	return e.bumps && e.commit && e.who == tx.who() && !tx.hasty
}

// prepareBumping decides the end of a transaction and raises the epoch of its
// producer. After the last epoch that a client gets there is another producer id; ok
// is false if none is there.
func prepareBumping(tx *transaction, state State, now int64, fresh newID) (to change, ok bool) {
	to = tx.to(state, now)
	to.epoch, to.lastEpoch, to.client = bump(tx.epoch), tx.epoch, versionBumps
	if tx.state != Ongoing {
		to.start = now
	}
	if exhausted(tx.epoch) {
		if to.next, ok = fresh(); !ok {
			return change{}, false
		}
	}
	return to, true
}

// successor is the producer as it will be when the markers are written.
func (c *change) successor() Producer {
	if c.next != noProducer {
		return Producer{c.next, 0}
	}
	return c.who()
}

// complete is the value when all markers are written.
func (tx *transaction) complete(now int64) change {
	state := CompleteAbort
	if tx.state == PrepareCommit {
		state = CompleteCommit
	}
	to := tx.to(state, now)
	to.partitions, to.lastEpoch = nil, tx.lastEpoch
	if tx.next != noProducer {
		to.producer, to.epoch, to.next = tx.next, 0, noProducer
	}
	return to
}
