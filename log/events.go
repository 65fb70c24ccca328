package log

import (
	"fmt"
	"time"
)

// The events of the log, as Env.Events gets them. Each is one change of state
// worth a line in the broker's log.
type (
	// Recovered ends Open.
	Recovered struct{ Recovery }
	// SegmentCreated says: the log goes on in a new segment.
	SegmentCreated struct {
		First      Position
		Generation uint64
	}
	// SegmentRemoved says: nothing in it was alive.
	SegmentRemoved struct {
		Name  string
		Bytes int64
	}
	// SegmentRelocated says: what lived in it lives in the cold log now.
	SegmentRelocated struct {
		Name  string
		Bytes int64 // moved
		Left  int64 // live bytes that could not be moved, or were not counted as dead yet
		Took  time.Duration
	}
	// AppendsFailed says: a write failed, or the log has latched.
	AppendsFailed struct {
		Entries int
		At      Position
		Err     error
	}
	// Latched says: an fsync failed; the process should end.
	Latched struct{ Err error }
	// CheckpointWritten tells what a checkpoint took.
	CheckpointWritten struct {
		At         Position
		Partitions int
		Took       time.Duration
	}
	// CheckpointFailed is retried at the next occasion; until then recovery
	// would take longer.
	CheckpointFailed struct{ Err error }
	// CorruptionFound says: bytes that were durable are damaged.
	CorruptionFound struct {
		File  string // where it is not of the main log, or ""
		Range PositionRange
		What  string
		Given bool // up as lost, by a salvage before: nothing new
	}
	// FileQuarantined says: a file was set aside.
	FileQuarantined struct{ Name, As, Why string }
	// TornKept says: what a crash left behind the last good entry was copied.
	TornKept struct {
		Range PositionRange
		As    string
		Cut   int64 // bytes that look written behind the end; the copy may have fewer
	}
	// RebuildProgress says: the indexes are being made anew.
	RebuildProgress struct{ At, End Position }
	// StartMarkRestored says: the start mark was missing or damaged; what it
	// counted was found in the segments.
	StartMarkRestored struct {
		UncleanStarts uint32
		Why           error
	}
	// BackgroundFailed says: housekeeping failed and will be tried again.
	BackgroundFailed struct {
		What string
		Err  error
	}
)

func (e Recovered) String() string {
	how := "clean"
	if e.Unclean {
		how = "unclean"
	}
	if e.Fresh {
		how = "fresh"
	}
	text := fmt.Sprintf("log opened (%s start): scanned %d bytes in %v, %d bytes torn off, %d damaged ranges found, %d files set aside",
		how, e.ScannedBytes, e.Took, e.TornBytes, len(e.Corrupt)+len(e.ColdCorrupt), len(e.Quarantined))
	if e.GivenUp > 0 {
		text += fmt.Sprintf(", %d ranges passed over that a salvage gave up", e.GivenUp)
	}
	return text
}

func (e SegmentCreated) String() string {
	return fmt.Sprintf("new segment at %d, generation %d", e.First, e.Generation)
}

func (e SegmentRemoved) String() string {
	return fmt.Sprintf("segment %s removed, %d bytes freed", e.Name, e.Bytes)
}

func (e SegmentRelocated) String() string {
	return fmt.Sprintf("segment %s: %d bytes moved to the cold log in %v, %d left", e.Name, e.Bytes, e.Took, e.Left)
}

func (e AppendsFailed) String() string {
	return fmt.Sprintf("%d entries failed at %d: %v", e.Entries, e.At, e.Err)
}

func (e Latched) String() string { return fmt.Sprintf("the log stops: %v", e.Err) }

func (e CheckpointWritten) String() string {
	return fmt.Sprintf("checkpoint at %d: %d partitions in %v", e.At, e.Partitions, e.Took)
}

func (e CheckpointFailed) String() string { return fmt.Sprintf("checkpoint failed: %v", e.Err) }

func (e CorruptionFound) String() string {
	if e.Given {
		return fmt.Sprintf("given up as lost by a salvage, and passed over: [%d, %d): %s", e.Range.From, e.Range.To, e.What)
	}
	return fmt.Sprintf("damaged: [%d, %d): %s", e.Range.From, e.Range.To, e.What)
}

func (e FileQuarantined) String() string {
	return fmt.Sprintf("file %s set aside as %s: %s", e.Name, e.As, e.Why)
}

func (e TornKept) String() string {
	return fmt.Sprintf("%d bytes behind the last good entry, at %d, are cut off: a write that ended half way, as a rule, or damage; %d of them are kept in %s",
		e.Cut, e.Range.From, e.Range.To-e.Range.From, e.As)
}

func (e RebuildProgress) String() string {
	return fmt.Sprintf("rebuilding the indexes: at %d of %d", e.At, e.End)
}

func (e StartMarkRestored) String() string {
	return fmt.Sprintf("start mark: %v; the segments tell %d unclean starts, and this one counts as unclean too", e.Why, e.UncleanStarts)
}

func (e BackgroundFailed) String() string { return fmt.Sprintf("%s failed: %v", e.What, e.Err) }
