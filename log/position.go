package log

import (
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Position is a byte address in this broker's CommitLog. It is local: it
// never crosses machines and a client never sees one.
//
// Positions count entries only: a segment's first Position is its
// predecessor's end, whatever the size of the segment header between them.
type Position uint64

// logID says which log a Position counts in.
type logID uint8

// The logs. Their numbers are on disk: never change one.
const (
	mainLog logID = 0
	coldMax logID = 127 // 1 to here: the cold log, one number for each retention class
	// sideFirst to sideMax: cleaned batches, one number for each bucket of
	// compacted partitions. They are part of the cold log's heap.
	sideFirst logID = 128
	sideMax   logID = 135
)

// sideLog is where the cleaned batches of a partition go.
func sideLog(id model.PartitionID) logID {
	return sideFirst + logID(id%model.PartitionID(sideMax-sideFirst+1))
}

// isSide reports whether a log holds cleaned batches.
func (l logID) isSide() bool { return l >= sideFirst }

// String implements fmt.Stringer.
func (l logID) String() string {
	switch {
	case l == mainLog:
		return "the log"
	case l.isSide():
		return "the side log"
	}
	return "the cold log"
}

// place is where something stands.
type place struct {
	log logID
	at  Position
}

// positionMax is above every Position that a log can reach.
const positionMax = Position(math.MaxInt64)
