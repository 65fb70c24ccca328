package coordinator

import (
	"cmp"

	"github.com/mainstem-mq/mainstem/protocol"
)

// joinConsumer takes a heartbeat of epoch 0: of a new member (then it returns
// nil), of one that was fenced or lost the answer, or of a static member that
// comes back. Who joins owns nothing.
func (m *machine) joinConsumer(s *step, b *beat) (*consumerMember, *protocol.Error) {
	if b.req.MemberID == "" { // version 0
		b.req.MemberID = s.suffix()
	}
	g := m.groups[b.req.Group]
	if g == nil {
		m.scheduleExpiry(s)
		return nil, nil //nolint:nilnil // a new member, and nothing wrong with it
	}
	if g.consumer == nil {
		if len(g.order) == 0 {
			m.declassify(s, g)
			return nil, nil //nolint:nilnil // as above
		}
		if err := m.upgrade(s, g, b); err != nil {
			return nil, err
		}
		g = m.groups[b.req.Group]
	}
	member, former, err := g.consumer.joiner(b)
	if err == nil && member == nil && former == nil && len(g.consumer.members) >= s.config.ConsumerMembersMax {
		err = protocol.Errorf(protocol.GroupMaxSizeReached,
			"Group %s has %d members: group.consumer.max.size.", g.id, len(g.consumer.members))
	}
	if err == nil {
		err = g.consumer.room(cmp.Or(member, former), b, s.config.GroupBytesMax)
	}
	if err != nil {
		return nil, err
	}
	if former != nil {
		return m.succeedConsumer(s, g, former, b.req.MemberID), nil
	}
	m.timers.Cancel(timerKey{timerJoin, g.id, b.req.MemberID}) // it may have been a classic one
	m.timers.Cancel(timerKey{timerSync, g.id, b.req.MemberID})
	return member, nil
}

// joiner finds the member that joins again, or the one whose place it takes.
func (c *consumerGroup) joiner(b *beat) (member, former *consumerMember, err *protocol.Error) {
	id, instance := b.req.MemberID, b.req.InstanceID
	if instance == nil {
		return c.members[id], nil, nil
	}
	holder, ok := c.index.byInstance[*instance]
	switch {
	case !ok || holder == id:
		// One that lost its place for a moment is still itself. (Kafka refuses it
		// until its session has ended, and clients do not come back from that.)
		return c.members[id], nil, nil
	case c.members[holder].current.epoch != epochAway && c.members[holder].meta.classic == nil:
		// A classic member never says that it goes for a while.
		return nil, nil, protocol.Errorf(protocol.UnreleasedInstanceID,
			"Instance %s is in use by member %s until that leaves or its session ends.", *instance, holder)
	}
	return nil, c.members[holder], nil
}

// succeedConsumer puts a new member into the place of a static one that went
// away: what was meant for that is meant for this. Nobody else is disturbed.
func (m *machine) succeedConsumer(s *step, g *group, former *consumerMember, id string) *consumerMember {
	c := g.consumer
	if c.members[id] != nil {
		m.expelConsumer(s, g, id)
		m.shrunk(s, g, id, "it takes the place of instance "+deref(former.meta.instance))
	}
	target := c.targets[former.id]
	current := memberCurrent{assigned: former.current.assigned}
	m.unwatch(g, former.id)
	m.unbind(g)
	c.expel(s, g.id, former.id)
	s.record(memberMetaRecord(g.id, id, former.meta))
	s.record(memberTargetRecord(g.id, id, target))
	s.record(memberCurrentRecord(g.id, id, &current))
	m.apply(s)
	return c.members[id]
}

// declassify makes room for a consumer group where there was a classic one
// without members, or offsets only.
func (m *machine) declassify(s *step, g *group) {
	m.dropRewind(s, g)
	m.vacate(s, g)
}

// vacate leaves of a classic group what groups of either kind have.
func (m *machine) vacate(s *step, g *group) {
	for id := range g.pendingJoin {
		m.timers.Cancel(timerKey{timerSession, g.id, id})
	}
	m.timers.Cancel(timerKey{timerJoin, g.id, ""})
	m.timers.Cancel(timerKey{timerSync, g.id, ""})
	m.unbind(g)
	offsets, stored := g.offsets, g.stored
	fresh := newGroup(g.id)
	fresh.offsets, fresh.stored, fresh.counted, fresh.rewind = offsets, stored, g.counted, g.rewind
	fresh.cell, fresh.facade, fresh.pending = g.cell, g.facade, g.pending
	fresh.emptying = emptying{ignored: g.emptying.ignored}
	*g = *fresh
	if stored != nil {
		s.record(Record{Key: groupKey(g.id)})
	}
	m.apply(s)
	m.scheduleExpiry(s)
}

// subscribe records what a member says of itself, and raises the group's epoch
// if that asks for another assignment, or if its topics changed meanwhile.
func (m *machine) subscribe(s *step, b *beat, member *consumerMember) *group {
	var before *memberMeta
	if member != nil {
		before = member.meta
	}
	meta, id := b.metaOf(before), b.req.MemberID
	if before == nil || !before.equal(meta) {
		s.record(memberMetaRecord(b.req.Group, id, meta))
		m.apply(s)
	}
	g := m.groups[b.req.Group]
	c := g.consumer
	m.stay(g)
	why := ""
	switch {
	case before == nil:
		why = "member " + id + " joins"
	case !before.sameSubscription(meta):
		why = "member " + id + " changed its subscription"
	}
	if m.followRegexes(s, g, before, meta) && why == "" {
		why = "topics of a pattern changed"
	}
	if why == "" && c.soft.outdated(s) && c.topicsHash(s.view) != c.hash {
		why = "subscribed topics changed"
	}
	if why == "" && c.epoch == epochJoin {
		// It came from a classic group before its first round, and asks for nothing
		// that is there. Who is told epoch 0 would join again with every heartbeat.
		why = "the group has had no epoch yet"
	}
	c.soft.looked(s)
	if why != "" {
		m.bump(s, g, why)
	}
	return g
}
