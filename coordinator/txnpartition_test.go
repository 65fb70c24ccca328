package coordinator

import (
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// producerIn is what a partition with these records knows of a producer.
func producerIn(records []Record, id model.ProducerID) (known TxnAhead) {
	for i := range records {
		txn := records[i].Txn
		if txn == nil || txn.Producer != id {
			continue
		}
		known.Known, known.Epoch, known.Open = true, txn.Epoch, txn.End == shard.EndNone
		if !known.Open {
			known.Ended, known.CoordinatorEpoch = true, txn.CoordinatorEpoch
		}
	}
	return known
}

// refuses is what such a partition has against another record.
func (a TxnAhead) refuses(txn *shard.Txn) protocol.ErrorCode {
	marker := txn.End != shard.EndNone
	switch {
	case !a.Known:
	case marker && a.Ended && txn.CoordinatorEpoch < a.CoordinatorEpoch:
		return protocol.TransactionCoordinatorFenced
	case txn.Epoch < a.Epoch, marker && txn.BumpedEpoch && txn.Epoch == a.Epoch && a.Open:
		return protocol.InvalidProducerEpoch
	}
	return protocol.NoError
}

// refusedBehind is Env's Refuses over a journal of a test's.
func refusedBehind(journal *shard.Memory, txn *shard.Txn, ahead TxnAhead) protocol.ErrorCode {
	known := producerIn(journal.All(), txn.Producer)
	known.Open = ahead.Open || known.Open && !ahead.Ended
	if ahead.Known {
		known.Known, known.Epoch = true, max(known.Epoch, ahead.Epoch)
	}
	if ahead.Ended {
		known.Ended, known.CoordinatorEpoch = true, max(known.CoordinatorEpoch, ahead.CoordinatorEpoch)
	}
	return known.refuses(txn)
}

// refusesAppend is a Memory's Refuses: the journal is as strict as a partition.
func refusesAppend(before []Record, r *Record) bool {
	return r.Txn != nil && producerIn(before, r.Txn.Producer).refuses(r.Txn) != protocol.NoError
}
