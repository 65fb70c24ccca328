package txn

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// newID gives a producer id that nobody has, if one is there at once.
type newID func() (model.ProducerID, bool)

// initQuestion is what InitProducerId asks for an id.
type initQuestion struct {
	timeout int32
	given   Producer // whom the client takes itself for (KIP-360); nobody: a new one
}

// decideInit gives out a producer. tx is nil for an id that is not known.
// CONCURRENT_TRANSACTIONS says that a transaction has to end first.
func decideInit(tx *transaction, q initQuestion, now int64, fresh newID) (change, protocol.ErrorCode) {
	if tx == nil {
		id, ok := fresh()
		if !ok {
			return change{}, protocol.CoordinatorLoadInProgress
		}
		return begin(id, q.timeout, now), protocol.NoError
	}
	given := q.given != nobody()
	// Whoever was told the next producer already must not be fenced for using it.
	if tx.state.prepared() {
		return change{}, protocol.ConcurrentTransactions
	}
	// The producer before may come back if it never heard that its epochs were used up.
	if given && q.given.ID != tx.producer && (q.given.ID != tx.previous || !exhausted(q.given.Epoch)) {
		return change{}, protocol.ProducerFenced
	}
	if tx.state == Ongoing {
		return change{}, protocol.ConcurrentTransactions
	}
	to := tx.to(Empty, now)
	to.partitions, to.start, to.timeout = nil, noTime, q.timeout
	switch {
	case exhausted(tx.epoch) && (!given || q.given.Epoch == tx.epoch):
		id, ok := fresh()
		if !ok {
			return change{}, protocol.CoordinatorLoadInProgress
		}
		to.producer, to.epoch, to.lastEpoch = id, 0, noEpoch
		if given {
			to.lastEpoch = tx.epoch
		}
	case !given:
		to.epoch, to.lastEpoch = bump(tx.epoch), noEpoch
	case q.given.Epoch == tx.epoch:
		to.epoch, to.lastEpoch = bump(tx.epoch), tx.epoch
	case q.given.Epoch == tx.lastEpoch:
		to.lastEpoch = tx.lastEpoch // it repeats itself
	default:
		return change{}, protocol.ProducerFenced
	}
	return to, protocol.NoError
}
