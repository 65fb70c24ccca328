package coordinator

// fence removes a member of a consumer group. Who is left gets another
// assignment: the epoch rises.
func (m *machine) fence(s *step, g *group, id, why string) {
	c := g.consumer
	member := c.members[id]
	m.timers.cancel(timerKey{timerSession, g.id, id})
	m.timers.cancel(timerKey{timerRebalance, g.id, id})
	c.expel(s, g.id, id)
	m.apply(s)
	if regex := deref(member.meta.regex); regex != "" && c.index.regexUsers[regex] == 0 {
		if _, resolved := c.regexes[regex]; resolved {
			s.record(consumerTombstone(regexKey, g.id, regex))
			m.apply(s)
		}
	}
	s.record(consumerEpochRecord(g.id, nextEpoch(c.epoch), c.topicsHash(s.view)))
	m.apply(s)
	s.event(Event{Kind: MemberRemoved, Group: g.id, Member: id, Generation: c.epoch, Members: len(c.members), Reason: why})
	if len(c.members) == 0 {
		s.event(Event{Kind: GroupEmptied, Group: g.id, Generation: c.epoch})
	}
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
