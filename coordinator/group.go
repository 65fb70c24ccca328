package coordinator

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// groupKind is by which protocol the members of a group work together.
type groupKind int8

const (
	kindClassic  groupKind = iota // also of a group that has offsets only, as in Kafka
	kindConsumer                  // KIP-848
	kindCount
)

// String is Kafka's name of the kind, as ListGroups shows it.
func (k groupKind) String() string {
	if k == kindConsumer {
		return "consumer"
	}
	return "classic"
}

// groupState is where a classic group stands.
//
//	          first member joins                 all have joined
//	Empty ------------------------> Preparing ------------------> Completing
//	  ^                              |     ^                        |    |
//	  '---- all members are gone ----'     |  a member joins,       |    | the leader's
//	                                       |  leaves or changes     |    | SyncGroup is
//	                                       +------------------------'    | stored
//	                                       '--------- Stable <-----------'
//
// A group that does not exist is Dead.
type groupState int8

const (
	stateEmpty groupState = iota
	statePreparing
	stateCompleting
	stateStable
	stateCount
)

// stateDead is how a group that does not exist is described.
const stateDead = "Dead"

// String is Kafka's name of the state.
func (s groupState) String() string {
	switch s {
	case stateEmpty:
		return "Empty"
	case statePreparing:
		return "PreparingRebalance"
	case stateCompleting:
		return "CompletingRebalance"
	case stateStable:
		return "Stable"
	case stateCount:
	}
	return stateDead
}

// consumerType is the protocol type whose subscriptions the coordinator reads.
const consumerType = "consumer"

// consumerState is where a consumer group stands.
type consumerState int8

const (
	consumerEmpty       consumerState = iota
	consumerAssigning                 // something changed for which there is no assignment yet
	consumerReconciling               // members have to give up or to take partitions
	consumerStable
	consumerStateCount
)

// String is Kafka's name of the state.
func (s consumerState) String() string {
	switch s {
	case consumerEmpty:
		return "Empty"
	case consumerAssigning:
		return "Assigning"
	case consumerReconciling:
		return "Reconciling"
	case consumerStable:
		return "Stable"
	case consumerStateCount:
	}
	return stateDead
}

// standing is a group's kind and its state of that kind.
type standing struct {
	kind  groupKind
	state int8
}

// stateName is Kafka's name of the state.
func (s standing) stateName() string {
	if s.kind == kindConsumer {
		return consumerState(s.state).String()
	}
	return groupState(s.state).String()
}

// group is one group of either kind. stored, offsets, rewind and most of consumer
// are durable: only replay changes them. All else is the soft part of a classic
// group, and equal to what restore makes of stored whenever the group is Empty
// or Stable. A consumer group has no soft part here: it is as an Empty one.
type group struct {
	id       string
	stored   *kmsg.GroupMetadataValue // nil: none, as for a group that only commits offsets
	offsets  offsetTable
	consumer *consumerGroup                    // nil: it is no consumer group
	rewind   *rewind                           // durable too; nil: none is under way or can be undone
	pending  map[model.ProducerID]pendingTable // durable too: offsets of open transactions; nil: none
	counted  standing                          // as the machine counts it
	shown    *shownOffsets                     // the offsets as operators were last shown them; nil: they changed since

	roster
	state        groupState
	since        int64 // when it came into that state, ms; noTime: unknown
	protocolType string
	protocol     string // chosen by the members' votes
	generation   int32
	leader       string              // "": none
	pendingJoin  map[string]struct{} // given a member id, yet to join with it
	pendingSync  map[string]struct{} // told the generation, yet to ask for the assignment
	subscribed   map[string]struct{} // topics; nil: unknown
	initial      initialDelay
	emptying     emptying // while a rewind takes the group's partitions away

	// Of a broadcast group's member, see slots.go.
	cell     bool
	facade   *facade               // the base's; nil: it is no cell
	sessions map[*Session]struct{} // open connections of whoever is in the cell
	heard    time.Time             // of a consumer, as member.heard
	fetchDue time.Time             // when its member got its partitions, if it has not fetched offsets since; zero: it has
}

// initialDelay is the first rebalance of an empty group, which waits for more
// members and longer while they come.
type initialDelay struct {
	active   bool
	joined   bool  // a member came since the delay was last set
	delay    int64 // ms, as last set
	remained int64 // ms left to extend it by
}

func newGroup(id string) *group {
	return &group{id: id, offsets: offsetTable{}, since: noTime}
}

// restore derives the soft part from what is stored.
func (g *group) restore() {
	v := g.stored
	g.roster = roster{}
	g.state, g.since = stateEmpty, v.CurrentStateTimestamp
	g.protocolType, g.generation = v.ProtocolType, v.Generation
	if len(v.Members) > 0 {
		g.state = stateStable
		g.protocol, g.leader = deref(v.Protocol), deref(v.Leader)
		if g.leader == "" {
			g.leader = v.Members[0].MemberID
		}
	}
	for i := range v.Members {
		if g.byID[v.Members[i].MemberID] == nil {
			g.add(restoreMember(&v.Members[i], g.protocol))
		}
	}
	g.subscribed = g.subscriptions()
}

// snapshot is what a record shall say of the group as it stands.
func (g *group) snapshot() *kmsg.GroupMetadataValue {
	v := &kmsg.GroupMetadataValue{
		Version:               groupValueVersion,
		ProtocolType:          g.protocolType,
		Generation:            g.generation,
		CurrentStateTimestamp: g.since,
	}
	if len(g.order) == 0 {
		return v
	}
	v.Protocol, v.Leader = &g.protocol, &g.leader
	for _, m := range g.order {
		v.Members = append(v.Members, kmsg.GroupMetadataValueMember{
			MemberID:               m.id,
			InstanceID:             m.instance,
			ClientID:               m.clientID,
			ClientHost:             m.clientHost,
			RebalanceTimeoutMillis: m.rebalanceTimeout,
			SessionTimeoutMillis:   m.sessionTimeout,
			Subscription:           m.metadata(g.protocol),
			Assignment:             m.assignment,
		})
	}
	return v
}

// idle reports that nobody is in the group or about to join it.
func (g *group) idle() bool { return len(g.order) == 0 && len(g.pendingJoin) == 0 && !g.consumed() }

// consumed reports whether it is a consumer group with members.
func (g *group) consumed() bool { return g.consumer != nil && len(g.consumer.members) > 0 }

// empty reports whether the group has no members. Some may be about to join.
func (g *group) empty() bool { return g.state == stateEmpty && !g.consumed() }

// standing is what the group is now.
func (g *group) standing() standing {
	if g.consumer != nil {
		return standing{kindConsumer, int8(g.consumer.state())}
	}
	return standing{kindClassic, int8(g.state)}
}

// number is the generation, or the epoch of a consumer group.
func (g *group) number() int32 {
	if g.consumer != nil {
		return g.consumer.epoch
	}
	return g.generation
}

// size is the number of members.
func (g *group) size() int {
	if g.consumer != nil {
		return len(g.consumer.members)
	}
	return len(g.order)
}

// discharge takes a member out and passes the leadership on.
func (g *group) discharge(id string) {
	g.remove(id)
	delete(g.pendingJoin, id)
	delete(g.pendingSync, id)
	delete(g.emptying.holding, id)
	if g.leader != id {
		return
	}
	g.leader = ""
	if len(g.order) > 0 {
		g.leader = g.order[0].id
	}
}

// current reports whether a member of a classic group is where it says: in the
// group's generation or, until its first rebalance in a group that was a consumer
// group, in its own.
func (g *group) current(id string, generation int32) bool {
	member := g.byID[id]
	return generation == g.generation || member != nil && member.behind != 0 && generation == member.behind
}

// allJoined reports that the rebalance need not wait any longer.
func (g *group) allJoined() bool {
	return g.awaitingJoin == len(g.order) && len(g.pendingJoin) == 0
}

// supports reports whether a member with these protocols can be in the group.
func (g *group) supports(protocolType string, protocols []offer) bool {
	if g.state == stateEmpty {
		return protocolType != "" && len(protocols) > 0
	}
	return protocolType == g.protocolType && g.shared(protocols)
}

// consumes reports whether the topic is in use by the group's members.
func (g *group) consumes(topic string) bool {
	if g.consumer != nil {
		return g.consumer.consumes(topic)
	}
	if g.subscribed == nil {
		return g.protocolType == consumerType
	}
	_, ok := g.subscribed[topic]
	return ok
}

// subscriptions reads the topics from the members' metadata, if it is the
// consumer protocol's. Nil: unknown.
func (g *group) subscriptions() map[string]struct{} {
	if g.protocolType != consumerType {
		return nil
	}
	topics := map[string]struct{}{}
	for _, m := range g.order {
		if !readSubscription(m.metadata(g.protocol), topics) {
			return nil
		}
	}
	return topics
}

// joinMembers lists the members for the leader's JoinGroup response.
func (g *group) joinMembers() []kmsg.JoinGroupResponseMember {
	members := make([]kmsg.JoinGroupResponseMember, 0, len(g.order))
	for _, m := range g.order {
		members = append(members, kmsg.JoinGroupResponseMember{
			MemberID: m.id, InstanceID: m.instance, ProtocolMetadata: m.metadata(g.protocol),
		})
	}
	return members
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
