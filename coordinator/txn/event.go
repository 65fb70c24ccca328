package txn

import (
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// EventKind says what an Event tells of.
type EventKind int8

// The kinds of events of a shard, by the numbers that they have there.
const (
	ShardLoading    = EventKind(shard.Loading)
	ShardLoadFailed = EventKind(shard.LoadFailed)    // Err; it is tried again
	ShardUnloaded   = EventKind(shard.Unloaded)      // the shard moved away or the coordinator closed
	AppendFailed    = EventKind(shard.AppendFailed)  // Err; the shard drops its state and loads again
	RecordSkipped   = EventKind(shard.RecordSkipped) // Err; a record that cannot be read was left out of a load
)

// Those of transactions, numbered on from there.
const (
	ShardLoaded    EventKind = EventKind(shard.EventKinds) + iota // IDs; Count of transactions whose markers are written again; Took
	Long                                                          // a transaction is open for most of its timeout; Left until it is aborted
	TimedOut                                                      // a transaction was aborted as nobody ended it in time
	Fenced                                                        // a transaction was aborted as Client came with its id
	Aborted                                                       // a transaction was aborted as an operator asked for it
	MarkersRetried                                                // Count of partitions do not take their markers; Topic, Partition, Code, Reason of one of them
	MarkerRefused                                                 // Count of partitions know a newer producer or coordinator; Topic, Partition, Code, Reason of one of them
	Expired                                                       // Count of ids that nobody used for long; Names of some
	Replaced                                                      // a producer without a transaction lost its id, as Client came with it
	Refused                                                       // a producer may not go on; Code, Reason
)

// Event is something worth a line in the log.
type Event struct {
	Kind       EventKind
	Shard      int32
	ID         string
	Producer   Producer // before what is told of
	Partitions int      // in the transaction
	Age        time.Duration
	Left       time.Duration
	Owner      Caller // that the producer was given to; not known after a load
	Client     Caller
	Topic      string
	Partition  int32
	Code       protocol.ErrorCode
	Reason     string
	IDs        int
	Names      []string
	Count      int
	Took       time.Duration
	Err        error
}

// String names the kind for logs.
func (k EventKind) String() string {
	switch k {
	case ShardLoading, ShardLoadFailed, ShardUnloaded, AppendFailed, RecordSkipped:
		return shard.EventKind(k).String()
	case ShardLoaded:
		return "shard loaded"
	case Long:
		return "transaction open for long"
	case TimedOut:
		return "transaction timed out"
	case Fenced:
		return "transaction aborted by a newer producer"
	case Aborted:
		return "transaction aborted by an operator"
	case MarkersRetried:
		return "markers tried again"
	case MarkerRefused:
		return "marker refused"
	case Expired:
		return "transactional ids expired"
	case Replaced:
		return "producer replaced"
	case Refused:
		return "producer refused"
	}
	return "unknown event"
}

// eventOf is an event of the shards as one of ours.
func eventOf(e shard.Event) Event {
	return Event{Kind: EventKind(e.Kind), Shard: e.Shard, Count: e.Count, Err: e.Err}
}
