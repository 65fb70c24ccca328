package coordinator

import (
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
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

// Those of groups, numbered on from there.
const (
	ShardLoaded       EventKind = EventKind(shard.EventKinds) + iota // Groups; Count of offsets
	RebalanceStarted                                                 // Reason
	GenerationFormed                                                 // all have joined; the leader assigns now
	GroupStabilized                                                  // the assignment of Generation is stored; in a consumer group all have come to it
	GroupEmptied                                                     // the last member is gone
	GroupDeleted                                                     // by a request or because nothing was left in it
	MemberRemoved                                                    // Reason
	OffsetsExpired                                                   // Count
	OffsetsDropped                                                   // Count; found at a load: their topics are gone
	GroupConverted                                                   // Reason: to which protocol, and why
	ConversionRefused                                                // Reason; the group stays of its kind
	RewindStarted                                                    // Count of partitions
	RewindEnded                                                      // Count of partitions whose marks are committed
	PatternRefused                                                   // Reason; what it stands for is not used
	AssignmentRefused                                                // Reason; the members keep what they had
)

// Event is something worth a line in the log or a count in the metrics.
type Event struct {
	Kind       EventKind
	Shard      int32
	Group      string
	Member     string
	Generation int32
	Members    int
	Groups     int
	Count      int
	Reason     string
	Took       time.Duration
	Err        error
}

// shardEvent tells what befell a shard. That it is loaded the machine tells, which
// knows how much it has.
func (g *Groups) shardEvent(e shard.Event) {
	g.env.Events(Event{Kind: EventKind(e.Kind), Shard: e.Shard, Count: e.Count, Err: e.Err})
}

// String names the kind for logs.
func (k EventKind) String() string {
	switch k {
	case ShardLoading, ShardLoadFailed, ShardUnloaded, AppendFailed, RecordSkipped:
		return shard.EventKind(k).String()
	case ShardLoaded:
		return "shard loaded"
	case RebalanceStarted:
		return "rebalance started"
	case GenerationFormed:
		return "generation formed"
	case GroupStabilized:
		return "group stabilized"
	case GroupEmptied:
		return "group emptied"
	case GroupDeleted:
		return "group deleted"
	case MemberRemoved:
		return "member removed"
	case OffsetsExpired:
		return "offsets expired"
	case OffsetsDropped:
		return "offsets of deleted topics dropped"
	case GroupConverted:
		return "group converted"
	case ConversionRefused:
		return "group not converted"
	case RewindStarted:
		return "rewind started"
	case RewindEnded:
		return "rewind ended"
	case PatternRefused:
		return "pattern stands for too much"
	case AssignmentRefused:
		return "assignment too large"
	}
	return "unknown event"
}
