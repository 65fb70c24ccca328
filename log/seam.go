package log

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// This file is the seam between the writer, recovery and checkpoints on one
// side and a partition's state and index on the other. It is what each side
// may rely on.
//
// A *PartitionLog is made by newPartitionLog(id model.PartitionID, l *Log) and
// embeds `writer partitionWriter` (writer.go), which only the writer goroutine
// touches, and `verified offsetRange` (read.go), which only Read touches.
//
// The apply methods are called by one goroutine (recovery, then the writer),
// in log order, after the bytes are in the file; they take the partition's
// lock for the moment of the change:
//
//	applyBatches(b batchesApplied)
//	applyTruncate(at Position, end model.Offset, epoch model.LeaderEpoch)
//	applyLogStart(at Position, start model.Offset, epoch model.LeaderEpoch)
//	applyState(at Position, payload []byte, epoch model.LeaderEpoch) error // a partition-state entry
//	stateEntry() []byte        // the payload of a partition-state entry: everything but the index
//	applyHole(at Position, end model.Offset) // a damaged entry held [End, end): End rises, the index does not
//	applyCleanedTo(at Position, c cleanedPart, epoch model.LeaderEpoch) // what is below c.to is a run
//	setDurable(at Position, end model.Offset) // the entry at this Position is on disk: raises DurableEnd to
//	                           // min(end, End); ignored if a truncate entry stands behind at
//	raiseGeneration()          // a failed append
//	refuse(err error)          // nil lifts it
//	positions() entryPositions // where the newest entry of each kind stands (kept in the state blob)
//	lastEpoch() model.LeaderEpoch // highest epoch of any entry; -1 if none
//
// applyBatches must take a base offset above End (a hole that damage left) and
// below End (an implied truncation, when a rebuild meets the leftovers of a
// truncate entry that retention took) without failing; callers judge.
//
// For reading (any goroutine):
//
//	iterate(from model.Offset) (*indexIterator, error)
//	(*indexIterator).next() (e index.Entry, fromDisk bool, ok bool, err error)
//
// The first entry is the one that holds from or, in a hole, the next above it.
// iterate ignores Start: retention walks dead ranges below it. close() frees
// what it pins, if anything.

// batchesApplied is a stretch of one entry's batches, contiguous in the file.
type batchesApplied struct {
	Log        logID
	Entry      Position // of the entry's header
	Stood      Position // of a relocated entry: where it was appended to the main log
	Distance   uint32   // from there to the first batch of Headers
	Epoch      model.LeaderEpoch
	AppendTime int64 // ms
	Headers    []batch.Header
	Controls   []controlBatch // one for each control batch of Headers, in their order
}

// entryPositions says where the newest entry of each kind of a partition
// stands; retention restates a partition before the segment that holds one of
// them goes. noPosition where there is none.
type entryPositions struct {
	Batches, Truncate, LogStart, State, Cleaned Position
}

// noPosition stands for "no such entry".
const noPosition = ^Position(0)

// batchReader is what the lookups by time need of the log: the bytes of the
// batch that e locates. release must be called once the bytes are not needed.
type batchReader interface {
	readBatch(e index.Entry) (b []byte, release func(), err error)
}
