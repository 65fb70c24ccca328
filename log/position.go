package log

// Position is a byte address in this broker's CommitLog. It is local: it
// never crosses machines and a client never sees one.
type Position uint64
