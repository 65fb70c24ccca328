package replication

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// AppendRequest asks a partition to append one record batch.
type AppendRequest struct {
	// Batch is exactly one record batch v2 as the client sent it. The partition
	// checks it and rewrites base offset, epoch and log append time in place.
	Batch []byte
	// Buffer owns Batch's memory; nil if the garbage collector does.
	Buffer *span.Buffer
	// Internal is set for the broker's own records (coordinators): internal
	// topics take them, and client-side limits do not apply.
	Internal bool
	// Generation is what Partition.Generation said when the state was read that
	// an internal append is built on. The append is refused if another one of
	// the partition has failed since. Clients' appends have none.
	Generation uint32
	// Guard is what Verify gave before the coordinator was asked about a
	// transactional batch; the zero value if it gave none.
	Guard Guard
}

// AppendResult is the fate of an append.
type AppendResult struct {
	Err *protocol.Error // nil: appended, and below the high watermark
	// BaseOffset of the batch (of the original, for a duplicate).
	BaseOffset model.Offset
	LastOffset model.Offset
	// LogAppendTime in ms, or -1 when the topic keeps the producer's timestamps.
	LogAppendTime int64
	LogStart      model.Offset
	// RecordErrors names the records at fault when Err is about records (KIP-467).
	RecordErrors []RecordError
}

// RecordError names one record of a refused batch.
type RecordError struct {
	Index   int32
	Message string
}

// ReadRequest is one partition's part of a Fetch.
type ReadRequest struct {
	From     model.Offset
	MaxBytes int
	MinOne   bool // give the first batch whatever its size (KIP-74)
	// ReadCommitted stops at the last stable offset instead of the high watermark.
	ReadCommitted bool
	// CurrentEpoch and LastFetchedEpoch are KIP-320's; -1 means not sent.
	CurrentEpoch     model.LeaderEpoch
	LastFetchedEpoch model.LeaderEpoch
	Reader           *Reader // who asks; nil: nobody in particular
	// Replica: who asks takes itself for a replica of the partition, and is refused:
	// a partition has no replica but its leader.
	Replica bool
}

// Reader is who reads: the disk is shared fairly among readers.
type Reader = log.Reader

// ReadResult is the answer to a ReadRequest; the bytes went to the span list.
type ReadResult struct {
	Err           *protocol.Error
	Bytes         int
	HighWatermark model.Offset
	LastStable    model.Offset
	LogStart      model.Offset
	// Diverging, if set, tells the client from where its log differs (KIP-320).
	Diverging *EpochEnd
	// Aborted are the aborted transactions among what was read, ascending by
	// First; nil unless it was read committed.
	Aborted []Aborted
}

// Aborted tells a reader that a producer's records from First on, up to its next
// abort marker, are of an aborted transaction.
type Aborted struct {
	Producer model.ProducerID
	First    model.Offset
}

// EpochEnd is the end offset of a leader epoch. Epoch -1 and offset -1: unknown.
type EpochEnd struct {
	Epoch model.LeaderEpoch
	End   model.Offset
}

// Offsets are a partition's borders at one moment.
type Offsets struct {
	LogStart, LastStable, HighWatermark, End model.Offset
	Epoch                                    model.LeaderEpoch
}

// Special timestamps of ListOffsets, Kafka's numbers.
const (
	TimestampLatest              = -1
	TimestampEarliest            = -2
	TimestampMax                 = -3 // KIP-734
	TimestampEarliestLocal       = -4 // KIP-405
	TimestampLatestTiered        = -5 // KIP-1005
	TimestampEarliestPendingTier = -6 // KIP-1023
)

// FoundOffset is the answer of a lookup by time; Offset and Timestamp -1: none.
type FoundOffset struct {
	Offset    model.Offset
	Timestamp int64
	Epoch     model.LeaderEpoch
}

// Listener hears that a partition has news for a waiting fetch: its high
// watermark or log start moved, its epoch changed, or it was dropped. It is
// called from goroutines of the log and must not block or call back.
type Listener interface {
	Advanced(p *Partition)
}
