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

// EventKinds is how many there are: a coordinator numbers its own from here.
const EventKinds = int8(RecordSkipped) + 1

// String names the kind for logs.
func (k EventKind) String() string {
	switch k {
	case Loading:
		return "shard loading"
	case LoadFailed:
		return "shard load failed"
	case Unloaded:
		return "shard unloaded"
	case AppendFailed:
		return "append failed"
	case RecordSkipped:
		return "record skipped"
	}
	return "unknown event"
}

// Event is something worth a line in the log.
type Event struct {
	Kind  EventKind
	Shard int32
	Count int
	Err   error
}
