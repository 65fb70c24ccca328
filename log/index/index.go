package index

import (
	"github.com/mainstem-mq/mainstem/internal/model"
)

// Entry locates one batch of one partition.
type Entry struct {
	BaseOffset      model.Offset
	LastOffsetDelta int32
	Log             uint8  // 0: the main log; others are reserved for cold logs and side segments
	Position        uint64 // of the batch's first byte in that log
	EntryDistance   uint32 // bytes back to the header of the log entry that holds it
	Length          uint32 // of the batch, bytes
	MaxTimestamp    int64  // largest record timestamp in the batch, ms
	RunningMax      int64  // largest MaxTimestamp of this and all earlier batches of the partition, ms
	AppendTime      int64  // when the broker appended it, ms
}

// LastOffset is the offset of the batch's last record.
func (e *Entry) LastOffset() model.Offset { return e.BaseOffset + model.Offset(e.LastOffsetDelta) }
