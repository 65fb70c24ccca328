package log

import "math"

// Position is a byte address in this broker's CommitLog. It is local: it
// never crosses machines and a client never sees one.
//
// Positions count entries only: a segment's first Position is its
// predecessor's end, whatever the size of the segment header between them.
type Position uint64

// positionMax is above every Position that a log can reach.
const positionMax = Position(math.MaxInt64)
