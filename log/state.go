package log

import "github.com/mainstem-mq/mainstem/internal/model"

// EpochStart says at which offset a leader epoch began (KIP-101).
type EpochStart struct {
	Epoch model.LeaderEpoch
	Start model.Offset
}

// ProducerBatchesMax is how many batches of one producer are remembered, so
// that a client with five requests in flight can repeat any of them (KIP-98).
const ProducerBatchesMax = 5

// ProducerState is what the written log knows of one idempotent producer.
type ProducerState struct {
	ID       model.ProducerID
	Epoch    model.ProducerEpoch
	LastTime int64                              // append time of its newest batch, ms
	N        int                                // batches in use
	Batches  [ProducerBatchesMax]ProducerBatch // oldest first, [:N]
}

// ProducerBatch is one remembered batch.
type ProducerBatch struct {
	FirstSequence, LastSequence int32
	LastOffset                  model.Offset
	OffsetDelta                 int32 // LastOffset - base offset
	Timestamp                   int64 // log append time, or the batch's max timestamp; ms
}
