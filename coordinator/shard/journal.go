package shard

import "github.com/mainstem-mq/mainstem/internal/model"

// Record is one key and value of a coordinator's internal topic, in Kafka's
// own record format. A nil Value is a tombstone.
type Record struct {
	Key, Value []byte
	Timestamp  int64 // ms; 0 means now
	// Topic is the topic that a committed offset is for; zero if not known. It
	// stands beside Kafka's own bytes, which have no place for it in the version
	// that every tool reads.
	Topic model.TopicID
	// Txn is the transaction that the record is part of, or ends; nil: none.
	Txn *Txn
}

// Txn ties a record to a producer's transaction in the partition that is the
// journal.
type Txn struct {
	Producer model.ProducerID
	Epoch    model.ProducerEpoch
	// End other than EndNone makes the record the marker that ends the transaction:
	// then it has no key and no value. The rest is for markers alone.
	End              End
	CoordinatorEpoch int32
	BumpedEpoch      bool // the epoch is above that of the transaction's records
}

// End is how a transaction ends.
type End int8

// The ends.
const (
	EndNone End = iota
	EndCommit
	EndAbort
)

// Joins reports whether a record can stand in one batch with the one before it:
// one of a transaction only with others of it, a marker with none.
func (r *Record) Joins(before *Record) bool {
	a, b := before.Txn, r.Txn
	switch {
	case a == nil && b == nil:
		return true
	case a == nil || b == nil:
		return false
	}
	return a.End == EndNone && b.End == EndNone && a.Producer == b.Producer && a.Epoch == b.Epoch
}

// Journal is one shard's durable memory: a partition of an internal topic.
// The owner implements it over the log.
type Journal interface {
	// Append queues the records as one batch, in order with earlier calls, and
	// returns at once; it keeps nothing of records. Where one does not join the one
	// before it, another batch begins: a crash may keep some of them. done is called
	// once, from any goroutine, when all are below the high watermark (nil) or one is
	// lost (an error; all later appends of the shard fail too until it has been
	// loaded again); also before Append returns. Append never blocks: a done of
	// another append may have led to it.
	Append(records []Record, done func(error))
	// Barrier calls done when all that was appended before is below the high
	// watermark; at once if it is already. Reads wait for it.
	Barrier(done func(error))
	// Load calls replay for each record in order from the log start to the
	// high watermark, then returns; markers too. A record's bytes are the journal's again
	// when replay returns. Used at start and after a failed append.
	Load(replay func(Record) error) error
}
