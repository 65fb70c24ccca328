package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// ConsumerView is what a member of a consumer group is shown of besides. What it
// holds never changes, and is put into names by who asks, not on the shard.
type ConsumerView struct {
	Classic bool   // it speaks the classic protocol
	Rack    string // "": unknown
	Epoch   int32  // that the member has come to; -2: a static member that left, and may come back
	State   string // stable, or why it is not: see the constants
	Pattern string // that it subscribes to; "": none

	names, matched            []string
	current, revoking, target partitions
	view                      View
}

// The states of a consumer group's members.
const (
	// MemberStable: it has all that was meant for it.
	MemberStable = "stable"
	// MemberRevoking: it has to give partitions up.
	MemberRevoking = "revoking"
	// MemberWaiting: it waits for partitions that others hold.
	MemberWaiting = "waiting"
	// MemberBehind: it has not come since there is another assignment; with the
	// classic protocol, has not joined again.
	MemberBehind = "behind"
	// MemberAway: a static member that left, and may come back.
	MemberAway = "away"
)

// Subscription lists the topics that the member asks for, by name or as its
// pattern stood for them when it was last looked at; in order.
func (c *ConsumerView) Subscription() []string {
	topics := slices.Concat(c.names, c.matched)
	slices.Sort(topics)
	return slices.Compact(topics)
}

// Current is what the member may own now.
func (c *ConsumerView) Current() []AssignedTopic { return namesOf(c.view, c.current) }

// Revoking is what it has yet to give up.
func (c *ConsumerView) Revoking() []AssignedTopic { return namesOf(c.view, c.revoking) }

// Target is what it shall own in the end.
func (c *ConsumerView) Target() []AssignedTopic { return namesOf(c.view, c.target) }

// inspectConsumer is inspect for a consumer group.
func (m *machine) inspectConsumer(s *step, g *group) GroupView {
	c := g.consumer
	v := GroupView{
		ID: g.id, Kind: kindConsumer.String(), State: c.state().String(), Since: timeOf(g.since),
		Generation: c.epoch, AssignmentEpoch: c.assignmentEpoch, ProtocolType: consumerType, Protocol: c.assignor(s, g.id),
		Blockers: m.consumerBlockers(s, g), Rewind: g.rewind.shown(), Members: make([]MemberView, 0, len(c.members)),
		Cell: g.cell, Broadcast: g.uncast(s),
	}
	v.show(g.showOffsets(s))
	v.Pending = g.pendingCommits()
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		if member := c.members[id]; member.meta != nil {
			v.Members = append(v.Members, m.inspectMember(s, g, member))
		}
	}
	return v
}

func (m *machine) inspectMember(s *step, g *group, member *consumerMember) MemberView {
	c, meta, session := g.consumer, member.meta, s.sessionOf(g.id, member)
	expires := m.timers.At(timerKey{timerSession, g.id, member.id})
	v := MemberView{
		ID: member.id, Instance: meta.instance, ClientID: meta.clientID, ClientHost: meta.clientHost,
		Expires: expires, SessionTimeout: session, RebalanceTimeout: time.Duration(meta.rebalanceTimeout) * time.Millisecond,
		Consumer: &ConsumerView{
			Classic: meta.classic != nil, Rack: deref(meta.rack), Epoch: member.current.epoch, State: c.stateOf(member),
			Pattern: deref(meta.regex), names: meta.topics, matched: c.regexes[deref(meta.regex)].topics,
			current: member.current.assigned, revoking: member.current.revoking, target: c.targets[member.id], view: s.view,
		},
	}
	// Each request in order gives it a whole session; a load does, too.
	if heard := expires.Add(-session); !expires.IsZero() && heard.After(m.loadedAt) {
		v.Heard = heard
	}
	return v
}

// stateOf is where a member stands, in the words of ConsumerView.
func (c *consumerGroup) stateOf(member *consumerMember) string {
	switch cur := &member.current; {
	case cur.epoch == epochAway:
		return MemberAway
	case cur.state == memberUnrevoked:
		return MemberRevoking
	case cur.epoch < c.assignmentEpoch || cur.state == memberUnknown:
		return MemberBehind
	case cur.state == memberUnreleased:
		return MemberWaiting
	}
	return MemberStable
}

// consumerBlockers lists what the group's members wait for, in order of their
// names.
func (m *machine) consumerBlockers(s *step, g *group) []Blocker {
	c := g.consumer
	var out []Blocker
	if c.state() == consumerAssigning {
		out = append(out, Blocker{Kind: BlockedByPause, Until: m.timers.At(timerKey{timerAssign, g.id, ""})})
	}
	if at := m.timers.At(timerKey{timerDowngrade, g.id, ""}); !at.IsZero() {
		out = append(out, Blocker{Kind: BlockedByDowngrade, Until: at})
	}
	if c.index.settled == len(c.members) {
		return out
	}
	var holders map[model.TopicID]map[int32]string
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		member := c.members[id]
		if member.meta == nil {
			continue
		}
		switch c.stateOf(member) {
		case MemberRevoking:
			out = append(out, m.revocation(s, g, member))
		case MemberBehind, MemberAway:
			out = append(out, m.toCome(g, member))
		case MemberWaiting:
			if holders == nil {
				holders = c.whoHolds()
			}
			out = append(out, m.releases(s, g, member, holders)...)
		}
	}
	return out
}

// revocation is a member that has yet to give up partitions.
func (m *machine) revocation(s *step, g *group, member *consumerMember) Blocker {
	b := Blocker{Kind: BlockedByRevoke, Member: member.id, Partitions: namesOf(s.view, member.current.revoking)}
	end := m.timers.At(timerKey{timerRebalance, g.id, member.id})
	if since := end.Add(-time.Duration(member.meta.rebalanceTimeout) * time.Millisecond); !end.IsZero() && since.After(m.loadedAt) {
		b.Since = since
	}
	b.Until = m.lastMoment(g, member.id)
	return b
}

// toCome is a member that could go on: with its next heartbeat, or, by the classic
// protocol, when it joins again.
func (m *machine) toCome(g *group, member *consumerMember) Blocker {
	b := Blocker{Kind: BlockedByBeat, Member: member.id, Until: m.lastMoment(g, member.id)}
	if member.meta.classic != nil {
		b.Kind = BlockedByJoin
	}
	return b
}

// lastMoment is when a member of a consumer group is out unless it does its part,
// even if it is heard of until then; zero: nobody knows.
func (m *machine) lastMoment(g *group, id string) (end time.Time) {
	for _, kind := range []timerKind{timerRebalance, timerJoin, timerSync} {
		if at := m.timers.At(timerKey{kind, g.id, id}); end.IsZero() || !at.IsZero() && at.Before(end) {
			end = at
		}
	}
	return m.latest(end, g, id)
}

// releases are those whose partitions a member waits for. What nobody holds any
// more it gets with its next heartbeat.
func (m *machine) releases(s *step, g *group, member *consumerMember, holders map[model.TopicID]map[int32]string) []Blocker {
	wanted := map[string]partitions{}
	for topic, list := range g.consumer.targets[member.id].minus(member.current.assigned) {
		for _, partition := range list {
			holder := holders[topic][partition]
			if holder == member.id {
				holder = ""
			}
			if wanted[holder] == nil {
				wanted[holder] = partitions{}
			}
			wanted[holder][topic] = append(wanted[holder][topic], partition)
		}
	}
	out := make([]Blocker, 0, len(wanted))
	for _, holder := range slices.Sorted(maps.Keys(wanted)) {
		b := m.toCome(g, member)
		if holder != "" {
			b = Blocker{Kind: BlockedByHolder, Member: member.id, Holder: holder, Until: m.lastMoment(g, holder)}
		}
		b.Partitions = namesOf(s.view, wanted[holder])
		out = append(out, b)
	}
	return out
}

// whoHolds finds the holder of each partition.
func (c *consumerGroup) whoHolds() map[model.TopicID]map[int32]string {
	holders := make(map[model.TopicID]map[int32]string, len(c.index.holders))
	for id, member := range c.members {
		for _, set := range []partitions{member.current.assigned, member.current.revoking} {
			for topic, list := range set {
				if holders[topic] == nil {
					holders[topic] = make(map[int32]string, len(c.index.holders[topic]))
				}
				for _, partition := range list {
					holders[topic][partition] = id
				}
			}
		}
	}
	return holders
}

// sessionOf is how long the member stays without being heard of.
func (s *step) sessionOf(group string, member *consumerMember) time.Duration {
	if classic := member.meta.classic; classic != nil {
		return time.Duration(classic.sessionTimeout) * time.Millisecond
	}
	return s.session(group)
}
