package log

import "time"

// Recovery is what Open found.
type Recovery struct {
	Fresh         bool          // a new, empty log
	Unclean       bool          // the clean mark was missing
	UncleanStarts uint32        // in the directory's life, this one included
	Took          time.Duration // whole recovery
	ScannedBytes  int64
	RebuiltIndex  bool
	Corrupt       []PositionRange // damaged, fenced, nothing truncated
	ColdCorrupt   []PositionRange // the same in the cold log; all of it is looked at in a rebuild only
	GivenUp       int             // damaged ranges met that a salvage gave up before
	Quarantined   []string        // files set aside
	TornBytes     int64           // cut at the tail, as far as they look written
}

// PositionRange is [From, To).
type PositionRange struct {
	From Position `json:"from"`
	To   Position `json:"to"`
}
