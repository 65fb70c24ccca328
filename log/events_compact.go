package log

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// PartitionCompacted says that what a partition holds below an offset is what a
// compaction kept. It comes from the writer's goroutine, in the log's order.
type PartitionCompacted struct {
	Partition model.PartitionID
	To        model.Offset
	Run       Position
	Entries   int   // in side segments
	Bytes     int64 // of their batches
}

// String implements Event.
func (e PartitionCompacted) String() string {
	return fmt.Sprintf("partition %d is compacted below offset %d: %d bytes are left there, in %d entries", e.Partition, e.To, e.Bytes, e.Entries)
}

// RunInstalled says that a start found a compaction that the index did not know
// of yet.
type RunInstalled struct {
	Partition model.PartitionID
	To        model.Offset
	Batches   int
}

// String implements Event.
func (e RunInstalled) String() string {
	return fmt.Sprintf("the compaction of partition %d below offset %d was found again: %d batches are left there", e.Partition, e.To, e.Batches)
}
