package coordinator

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// leaveConsumer takes a heartbeat of a member that goes: for good, or, a static
// one that says so, for as long as its session lasts.
func (m *machine) leaveConsumer(s *step, b *beat) *kmsg.ConsumerGroupHeartbeatResponse {
	req := b.req
	g := m.groups[req.Group]
	if g == nil || g.consumer == nil {
		why := messageOf(protocol.GroupIDNotFound, req.Group)
		if g != nil {
			why = notConsumer(req.Group)
		}
		return beatFailed(req, &protocol.Error{Code: protocol.GroupIDNotFound, Message: *why})
	}
	if err := g.consumer.identify(req.Group, req.MemberID, req.InstanceID); err != nil {
		return beatFailed(req, err)
	}
	if req.MemberEpoch == epochAway {
		m.departConsumer(s, g, g.consumer.members[req.MemberID])
	} else {
		m.fence(s, g, req.MemberID, "it left")
	}
	resp := beatFailed(req, &protocol.Error{})
	resp.MemberID, resp.MemberEpoch = &req.MemberID, req.MemberEpoch
	return resp
}

// departConsumer keeps what a static member has for the one that will come in
// its place. Its session goes on: if nobody has come by its end, it is out.
func (m *machine) departConsumer(s *step, g *group, member *consumerMember) {
	m.timers.Cancel(timerKey{timerRebalance, g.id, member.id})
	current := memberCurrent{epoch: epochAway, previous: member.current.epoch, assigned: member.current.assigned}
	if member.current.epoch == epochAway {
		return
	}
	s.record(memberCurrentRecord(g.id, member.id, &current))
	m.apply(s)
	m.released(s, g)
	m.unbind(g)
}

// notConsumer says that a group is of another kind.
func notConsumer(group string) *string {
	text := "Group " + group + " is not a consumer group."
	return &text
}

// fence removes a member of a consumer group. If nobody is left who uses the
// consumer protocol, the group becomes a classic one.
func (m *machine) fence(s *step, g *group, id, why string) {
	m.expelConsumer(s, g, id)
	if m.downgrade(s, g, "member "+id+" is out, and nobody uses the other one any more") != nil {
		s.event(Event{Kind: MemberRemoved, Group: g.id, Member: id, Reason: why})
		return
	}
	m.shrunk(s, g, id, why)
}

// unwatch ends all that a member of a consumer group was given time for, and what
// is waited for of it.
func (m *machine) unwatch(g *group, id string) {
	for _, kind := range []timerKind{timerSession, timerRebalance, timerJoin, timerSync} {
		m.timers.Cancel(timerKey{kind, g.id, id})
	}
	g.consumer.soft.note(id, unshown{})
}

// expelConsumer takes a member out.
func (m *machine) expelConsumer(s *step, g *group, id string) {
	c := g.consumer
	member := c.members[id]
	m.unwatch(g, id)
	m.unbind(g)
	c.expel(s, g.id, id)
	m.apply(s)
	m.stay(g)
	if regex := deref(member.meta.regex); regex != "" && c.index.regexUsers[regex] == 0 {
		if _, resolved := c.regexes[regex]; resolved {
			s.record(consumerTombstone(regexKey, g.id, regex))
			m.apply(s)
		}
	}
}

// shrunk lets those who are left have another assignment: the epoch rises.
func (m *machine) shrunk(s *step, g *group, id, why string) {
	c := g.consumer
	s.record(consumerEpochRecord(g.id, nextEpoch(c.epoch), c.topicsHash(s.view)))
	m.apply(s)
	s.event(Event{Kind: MemberRemoved, Group: g.id, Member: id, Generation: c.epoch, Members: len(c.members), Reason: why})
	if len(c.members) == 0 {
		s.event(Event{Kind: GroupEmptied, Group: g.id, Generation: c.epoch})
	}
	m.assignSoon(s, g)
	m.released(s, g)
}

// expel writes that a member is gone.
func (c *consumerGroup) expel(s *step, group, id string) {
	s.record(consumerTombstone(memberCurrentKey, group, id))
	s.record(consumerTombstone(memberTargetKey, group, id))
	s.record(consumerTombstone(memberMetaKey, group, id))
}

// expireConsumer ends a member's session.
func (m *machine) expireConsumer(s *step, g *group, id string) {
	if g.consumer.members[id] != nil {
		m.fence(s, g, id, "its session timed out")
	}
}

// expireRevocation removes a member that did not give up its partitions in
// time: others wait for them.
func (m *machine) expireRevocation(s *step, g *group, id string) {
	if g.consumer == nil {
		return
	}
	if member := g.consumer.members[id]; member != nil && member.current.state == memberUnrevoked {
		m.fence(s, g, id, "it did not give up its partitions within its rebalance timeout")
	}
}
