package log

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Kind says what a log entry holds.
type Kind uint8

// The kinds of entry. Their numbers are on disk: never change one.
const (
	KindBatches        Kind = 1 // one or more record batches of one partition
	KindTruncate       Kind = 2 // the partition ends at BaseOffset; what stood at or above is gone
	KindLogStart       Kind = 3 // the partition starts at BaseOffset
	KindPartitionState Kind = 4 // a partition's whole state, so that an older segment can go
	KindSyncMark       Kind = 5 // carries a syncedPos only
	KindPad            Kind = 6 // fills a group up to a sector boundary
	KindRelocated      Kind = 7 // in the cold log only: batches that stood elsewhere
	KindCleaned        Kind = 8 // in side segments only: what a compaction kept
	KindCleanedTo      Kind = 9 // what the partition holds below BaseOffset is a run of cleaned entries
)

// Append is one unit of work for the writer. The caller fills it, enqueues it
// once, and hears of it through Done.
type Append struct {
	Partition *PartitionLog
	Kind      Kind
	Epoch     model.LeaderEpoch
	// BaseOffset is the first batch's base offset, or the argument of a
	// truncate or log-start entry.
	BaseOffset model.Offset
	// Payload is one or more consecutive record batches, ready for the disk
	// (base offsets, leader epoch and, for LogAppendTime, timestamps are set).
	Payload []byte
	// Headers describes the batches of Payload in order.
	Headers []batch.Header
	// Buffer, if not nil, owns Payload's memory. The log retains it as long as
	// it needs it; the caller keeps its own hold.
	Buffer *span.Buffer
	// Sync asks that the append be durable before Done.Durable, as soon as
	// possible; otherwise it becomes durable within the async bound.
	Sync bool
	// Generation is PartitionLog.Generation as the caller knew it when it gave
	// BaseOffset. A failed append raises it, and the writer refuses every append
	// that was built on the failed one.
	Generation uint32
	Done       Completion
}

// LastOffset is the offset of the last record of Payload.
func (a *Append) LastOffset() model.Offset { return a.Headers[len(a.Headers)-1].LastOffset() }

// Completion hears what became of an Append. Each call comes from a goroutine
// of the log: it must not block, and must not call back into the log except
// for Enqueue and PartitionLog's getters. For one partition calls come in
// append order; each append gets Written then Durable, or Failed (alone, or
// after Written when the disk broke).
type Completion interface {
	// Written: the bytes are in the file (page cache) and the index finds them.
	Written(a *Append)
	// Durable: the bytes survive a power cut.
	Durable(a *Append)
	// Failed: nothing of it will be readable; the partition's generation is raised.
	Failed(a *Append, err error)
}
