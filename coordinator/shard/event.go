package shard

// EventKind says what an Event tells of.
type EventKind int8

// The kinds of events. That a shard is loaded is its machine's to tell (Restore).
const (
	Loading       EventKind = iota
	LoadFailed              // Err; it is tried again
	Unloaded                // the shard moved away or the coordinator closed
	AppendFailed            // Err; the shard drops its machine and loads again
	RecordSkipped           // Err; Count of records so far that the load left out as they cannot be read
)

// Event is something worth a line in the log.
type Event struct {
	Kind  EventKind
	Shard int32
	Count int
	Err   error
}
