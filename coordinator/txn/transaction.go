package txn

import (
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// State is where a transactional id stands.
type State int8

// The states, by Kafka's numbers. In Empty, CompleteCommit and CompleteAbort no
// transaction is open.
const (
	Empty          State = iota // a producer was given out; it has done nothing yet
	Ongoing                     // partitions were added
	PrepareCommit               // to be committed, whatever happens
	PrepareAbort                // to be aborted, whatever happens
	CompleteCommit              // all markers are written
	CompleteAbort
	stateCount
)

// String is Kafka's name.
func (s State) String() string {
	switch s {
	case Empty:
		return "Empty"
	case Ongoing:
		return "Ongoing"
	case PrepareCommit:
		return "PrepareCommit"
	case PrepareAbort:
		return "PrepareAbort"
	case CompleteCommit:
		return "CompleteCommit"
	case CompleteAbort:
		return "CompleteAbort"
	case stateCount:
	}
	return "Unknown"
}

// prepared reports whether the outcome is decided and markers are to be written.
func (s State) prepared() bool { return s == PrepareCommit || s == PrepareAbort }

// open reports whether there is a transaction.
func (s State) open() bool { return s == Ongoing || s.prepared() }

// follows reports whether to may come after s. A log may hold more: another
// broker's records, or what compaction left.
func (s State) follows(to State) bool {
	switch to {
	case Empty:
		return !s.open()
	case Ongoing:
		return !s.prepared()
	case PrepareCommit:
		return s == Ongoing
	case PrepareAbort:
		return !s.prepared()
	case CompleteCommit:
		return s == PrepareCommit
	case CompleteAbort:
		return s == PrepareAbort
	case stateCount:
	}
	return false
}

const (
	noProducer model.ProducerID    = -1
	noEpoch    model.ProducerEpoch = -1
	noTime                         = -1 // ms
)

// Client transaction versions, as they stand in records.
const (
	versionPlain = 0 // also for version 1: the two differ in nothing that is stored
	versionBumps = 2 // the end of each transaction raises the epoch (KIP-890)
)

// Producer is an incarnation of a producer.
type Producer struct {
	ID    model.ProducerID
	Epoch model.ProducerEpoch
}

// nobody is what a request says that knows no producer, and what an error answers.
func nobody() Producer { return Producer{noProducer, noEpoch} }

// exhausted reports whether a client can be given no epoch above e: the last one
// is kept for fencing.
func exhausted(e model.ProducerEpoch) bool { return e >= math.MaxInt16-1 }

// bump is the next epoch. What could go beyond the last was given a new producer
// id before.
func bump(e model.ProducerEpoch) model.ProducerEpoch { return min(e, math.MaxInt16-1) + 1 }

// value is all that a record says of an id.
type value struct {
	state    State
	producer model.ProducerID
	epoch    model.ProducerEpoch
	// previous is the producer before this record: another only right after the
	// epochs of one were used up.
	previous   model.ProducerID
	next       model.ProducerID // takes over when the markers are written; -1: none
	timeout    int32            // ms
	partitions partitions
	start      int64 // ms; stays when the transaction is over
	updated    int64 // ms
	client     int16 // transaction version of the client that wrote last
}

func (v *value) who() Producer { return Producer{v.producer, v.epoch} }

// to begins the value that follows in a state.
func (v *value) to(state State, now int64) change {
	next := *v
	next.state, next.previous, next.updated = state, v.producer, now
	return change{value: next}
}

// change is what a request or a deadline makes of an id.
type change struct {
	value
	lastEpoch model.ProducerEpoch
}

// transaction is a transactional id: what is durable, which only replay changes,
// and what dies with the machine.
type transaction struct {
	id string
	value

	// lastEpoch is the one that a client may have to repeat a request with, because
	// the answer that told it the newer one was lost; -1: none. As in Kafka it is in
	// no record: over a restart such a client is fenced.
	lastEpoch model.ProducerEpoch
	caller    Caller     // who was given the producer; empty after a load
	why       Reason     // of the decision
	markers   *markerJob // while prepared
	waiting   []*request // until the transaction is over
	hasty     bool       // since the last record its producer asked to commit what had not begun
	past
}

// begin makes the change for an id that nobody used yet.
func begin(id model.ProducerID, timeout int32, now int64) change {
	return change{lastEpoch: noEpoch, value: value{
		state: Empty, producer: id, previous: id, next: noProducer,
		timeout: timeout, start: noTime, updated: now,
	}}
}
