package txn

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// admit tells whether a producer may do something in the transaction of an id.
// CONCURRENT_TRANSACTIONS says that the one before has to end first.
func admit(tx *transaction, who Producer) protocol.ErrorCode {
	switch {
	case tx == nil:
		return protocol.InvalidProducerIDMapping
	case tx.succeeds(who):
		return protocol.ConcurrentTransactions
	case who.ID != tx.producer:
		return protocol.InvalidProducerIDMapping
	case who.Epoch != tx.epoch:
		return protocol.ProducerFenced
	case tx.state.prepared():
		return protocol.ConcurrentTransactions
	}
	return protocol.NoError
}

// succeeds reports whether who is the producer as it will be once the markers are
// written: EndTxn has told the client already.
func (tx *transaction) succeeds(who Producer) bool {
	return tx.state.prepared() && tx.next != noProducer && who == Producer{tx.next, 0}
}

// decideAdd makes partitions part of the transaction, which begins with the first.
// write is false where nothing changes. bumps: the client has transaction version 2.
func decideAdd(tx *transaction, who Producer, parts []model.TopicPartition, bumps bool, now int64) (to change, write bool, code protocol.ErrorCode) {
	if code := admit(tx, who); code != protocol.NoError {
		return change{}, false, code
	}
	joined, added := tx.partitions.join(parts)
	if tx.state == Ongoing && added == 0 {
		return change{}, false, protocol.NoError
	}
	to = tx.to(Ongoing, now)
	to.partitions, to.lastEpoch, to.client = joined, tx.lastEpoch, versionPlain
	if bumps {
		to.client = versionBumps
	}
	if tx.state != Ongoing {
		to.start = now
	}
	return to, true, protocol.NoError
}

// verify tells for each partition whether it is part of the transaction.
func verify(tx *transaction, who Producer, parts []model.TopicPartition) ([]protocol.ErrorCode, protocol.ErrorCode) {
	if code := admit(tx, who); code != protocol.NoError {
		return nil, code
	}
	codes := make([]protocol.ErrorCode, len(parts))
	for i, tp := range parts {
		if !tx.partitions.has(tp) {
			codes[i] = protocol.TransactionAbortable
		}
	}
	return codes, protocol.NoError
}
