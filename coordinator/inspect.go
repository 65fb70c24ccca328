package coordinator

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// GroupView is what operators are shown of a group: true at one moment of the
// group's shard, and shares nothing that changes.
type GroupView struct {
	ID string
	// Code says why there is nothing but the id: GROUP_ID_NOT_FOUND, or what is
	// the matter with the group's shard. NoError: the rest is there.
	Code       protocol.ErrorCode
	Kind       string    // as ListGroups names the type
	State      string    // Kafka's name
	Since      time.Time // when it came into that state; zero: unknown
	Generation int32     // of a consumer group its epoch
	// AssignmentEpoch is the epoch of a consumer group's newest assignment.
	AssignmentEpoch int32
	ProtocolType    string // "": nobody ever joined, offsets were committed only
	Protocol        string // chosen by the members; "" while there is none; of a consumer group the assignor
	Leader          string // a member id; "": none
	Members         []MemberView
	Newcomers       int            // given a member id, yet to join with it
	Offsets         []TopicOffsets // not to be changed; in no order, see Sort
	Blockers        []Blocker      // what the running rebalance waits for
	Rewind          RewindPhase    // of the newest that is not forgotten
	// Pending is what transactions that are not over have committed; Offsets has none
	// of that. Who asks for stable offsets of these partitions waits for their ends.
	Pending []PendingCommit
	// Broadcast: every member has all partitions, and is alone in a group of its
	// own, which is shown besides; Offsets are the lowest of the members, and there
	// is neither a generation nor an epoch. Nobody may have been in it yet.
	Broadcast bool
	Cells     []GroupView // of a broadcast group: the members' own groups, by name
	Cell      bool        // it is one of those

	offsets *shownOffsets
}

// PendingCommit is what one transaction that is not over has committed for a group.
type PendingCommit struct {
	Producer model.ProducerID
	Since    time.Time       // of the first of these commits
	Topics   []AssignedTopic // in order
}

// pendingCommits are those of a group, by producer.
func (g *group) pendingCommits() (all []PendingCommit) {
	for _, producer := range slices.Sorted(maps.Keys(g.pending)) {
		table, first := g.pending[producer], int64(math.MaxInt64)
		p := PendingCommit{Producer: producer}
		for _, topic := range slices.Sorted(maps.Keys(table)) {
			for _, c := range table[topic] {
				first = min(first, c.commitTime)
			}
			p.Topics = append(p.Topics, AssignedTopic{topic, slices.Sorted(maps.Keys(table[topic]))})
		}
		p.Since = timeOf(first)
		all = append(all, p)
	}
	return all
}

// MemberView is one member of a GroupView.
type MemberView struct {
	ID               string
	Instance         *string // static members only
	ClientID         string
	ClientHost       string
	Heard            time.Time // last request that was in order; zero: none since the shard was loaded
	Expires          time.Time // when its session ends unless it is heard of; zero: it waits for the group
	Waits            bool      // the broker holds its JoinGroup or SyncGroup: it may send nothing else
	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration

	// What the member says of itself and what it was given, in the protocol's own
	// bytes, never changed. Consumes: these are a consumer's, see Subscription
	// and Assignment.
	Consumes        bool
	Metadata, Given []byte

	Consumer *ConsumerView // of a consumer group's member, in place of those bytes
}

// TopicOffsets is what a group has committed for one topic.
type TopicOffsets struct {
	Topic      string
	ID         model.TopicID // zero: not known
	Partitions []PartitionOffset
}

// PartitionOffset is a committed offset.
type PartitionOffset struct {
	Partition int32
	Offset    int64
	Committed int64 // when, ms
}

// Subscription lists the topics that the member asks for, in order; false if
// its metadata is not a consumer's, or cannot be read.
func (v *MemberView) Subscription() ([]string, bool) {
	if v.Consumer != nil {
		return v.Consumer.Subscription(), true
	}
	topics := map[string]struct{}{}
	if !v.Consumes || !readSubscription(v.Metadata, topics) {
		return nil, false
	}
	return slices.Sorted(maps.Keys(topics)), true
}

// Assignment lists what the member was given to consume, by topic; false if
// that is not a consumer's, or cannot be read. A member that was given nothing
// has none.
func (v *MemberView) Assignment() ([]AssignedTopic, bool) {
	if v.Consumer != nil {
		return v.Consumer.Current(), true
	}
	if !v.Consumes {
		return nil, false
	}
	if len(v.Given) == 0 {
		return nil, true
	}
	return readAssignment(v.Given)
}

// Inspect shows groups to operators: those named, a view for each in the same
// order, or with nil all that there are. Then the code tells that some are
// missing, as their shard is loading or lost its records. It does not disturb a
// group; each is shown as it is at one moment, all of them not: a shard turns to
// others in between. reply must not keep its goroutine.
func (g *Groups) Inspect(ids []string, reply func([]GroupView, protocol.ErrorCode)) {
	if ids == nil {
		g.inspectAll(reply)
		return
	}
	views := make([]GroupView, len(ids))
	failed := func(i int, code protocol.ErrorCode) { views[i] = GroupView{ID: ids[i], Code: code} }
	g.askGroups(ids, func(i int, m *machine, s *step) {
		if cells, ok := m.front(s, ids[i]); ok {
			views[i] = m.inspectFront(s, ids[i], cells)
			return
		}
		if group := m.groups[ids[i]]; group != nil {
			views[i] = m.inspect(s, group)
			return
		}
		failed(i, protocol.GroupIDNotFound)
	}, failed, func() { reply(views, protocol.NoError) })
}

// inspect copies what may change. Metadata and assignments are never changed in
// place, and are read by who wants to know, not on the shard.
func (m *machine) inspect(s *step, g *group) GroupView {
	if g.consumer != nil {
		return m.inspectConsumer(s, g)
	}
	now := g.standing()
	v := GroupView{
		ID: g.id, Kind: now.kind.String(), State: now.stateName(), Since: timeOf(g.since), Generation: g.generation,
		ProtocolType: g.protocolType, Protocol: g.protocol, Leader: g.leader,
		Newcomers: len(g.pendingJoin), Blockers: m.blockers(g),
		Cell: g.cell, Broadcast: g.uncast(s),
	}
	v.show(g.showOffsets(s))
	v.Rewind, v.Pending = g.rewind.shown(), g.pendingCommits()
	v.Members = make([]MemberView, 0, len(g.order))
	for _, member := range g.order {
		var expires time.Time
		if !member.excused() {
			expires = m.timers.At(timerKey{timerSession, g.id, member.id})
		}
		v.Members = append(v.Members, MemberView{
			ID: member.id, Instance: member.instance, ClientID: member.clientID, ClientHost: member.clientHost,
			Heard: member.heard, Expires: expires, Waits: member.join != nil || member.sync != nil,
			SessionTimeout:   time.Duration(member.sessionTimeout) * time.Millisecond,
			RebalanceTimeout: time.Duration(member.rebalanceTimeout) * time.Millisecond,
			Consumes:         g.protocolType == consumerType,
			Metadata:         member.shown(g.protocol), Given: member.assignment,
		})
	}
	return v
}

// shown is the member's metadata for the chosen protocol; until one is chosen,
// for its own first choice: what consumers subscribe to is the same in each.
func (m *member) shown(protocolName string) []byte {
	if b := m.metadata(protocolName); b != nil || len(m.protocols) == 0 {
		return b
	}
	return m.protocols[0].metadata
}

// timeOf is the time of a number of ms; zero for noTime.
func timeOf(ms int64) time.Time {
	if ms == noTime {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
