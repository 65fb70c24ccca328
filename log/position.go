package log

import "math"

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
)

// String implements fmt.Stringer.
func (l logID) String() string {
	if l == mainLog {
		return "the log"
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
