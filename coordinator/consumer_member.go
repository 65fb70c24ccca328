package coordinator

import "slices"

// memberState is how far a member of a consumer group has come with what it
// shall own; the numbers are the records'.
type memberState int8

const (
	// memberStable: it has all that is meant for it.
	memberStable memberState = 0
	// memberUnrevoked: it still has to give partitions up.
	memberUnrevoked memberState = 1
	// memberUnreleased: it waits for partitions that others still hold.
	memberUnreleased memberState = 2
	// memberUnknown: a later release wrote a state that this one does not know.
	memberUnknown memberState = 127
)

// epochAway is the member epoch of a static member that left and may come back
// until its session ends.
const epochAway = -2

// consumerMember is one member of a consumer group. It is immutable: replay
// puts a new one in its place.
type consumerMember struct {
	id      string
	meta    *memberMeta // nil: its record was not read yet, or was lost in a crash
	current memberCurrent
}

// memberMeta is what a member says of itself.
type memberMeta struct {
	instance         *string // static members only
	rack             *string
	clientID         string
	clientHost       string
	topics           []string // subscribed by name
	regex            *string  // and by pattern; "" is none too
	rebalanceTimeout int32    // ms
	assignor         *string  // nil: any
	classic          *classicMeta
}

// classicMeta is what a member that uses the classic protocol says besides.
type classicMeta struct {
	sessionTimeout int32 // ms
	protocols      []offer
}

// first is the protocol by which the member takes part: the one that it would
// rather use. One without protocols is another broker's, and damaged.
func (c *classicMeta) first() offer {
	if len(c.protocols) == 0 {
		return offer{}
	}
	return c.protocols[0]
}

func (c *classicMeta) equal(o *classicMeta) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.sessionTimeout == o.sessionTimeout && slices.EqualFunc(c.protocols, o.protocols, offer.equal)
}

// memberCurrent is what a member may own now. The zero value is a member that
// was never told anything.
type memberCurrent struct {
	epoch, previous int32 // previous: the epoch of which its last answer may still speak
	state           memberState
	assigned        partitions
	revoking        partitions // to be given up before it comes to the next epoch
}

// settled reports whether the member has all that the assignment of that epoch
// means for it.
func (c *memberCurrent) settled(assignmentEpoch int32) bool {
	return c.state == memberStable && c.epoch == assignmentEpoch
}

// blank reports whether no record speaks of what the member owns.
func (c *memberCurrent) blank() bool {
	return c.epoch == 0 && c.previous == 0 && c.state == memberStable && len(c.assigned) == 0 && len(c.revoking) == 0
}
