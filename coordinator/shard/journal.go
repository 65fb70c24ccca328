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
}

// Journal is one shard's durable memory: a partition of an internal topic.
// The owner implements it over the log.
type Journal interface {
	// Append queues the records as one batch, in order with earlier calls, and
	// returns at once; it keeps nothing of records. done is called once, from
	// any goroutine, when the batch is below the high watermark (nil) or lost
	// (an error; all later appends of the shard fail too until it has been
	// loaded again); also before Append returns. Append never blocks: a done of
	// another append may have led to it.
	Append(records []Record, done func(error))
	// Barrier calls done when all that was appended before is below the high
	// watermark; at once if it is already. Reads wait for it.
	Barrier(done func(error))
	// Load calls replay for each record in order from the log start to the
	// high watermark, then returns. A record's bytes are the journal's again
	// when replay returns. Used at start and after a failed append.
	Load(replay func(Record) error) error
}
