package coordinator

import (
	"slices"

	"github.com/mainstem-mq/mainstem/protocol"
)

// A group whose members move from the classic to the consumer protocol, one by
// one, or back, is a consumer group while it has a member of that protocol, and
// a classic group otherwise. It changes its kind while it is at work (KIP-848):
// nobody is put out, generations and epochs are one ascending row, and so what a
// rewind says of them holds on. Classic members of a consumer group are in
// classic_on_consumer.go.

func (m Migration) up() bool   { return m == MigrateBoth || m == MigrateUp }
func (m Migration) down() bool { return m == MigrateBoth || m == MigrateDown }

// upgrade makes a classic group with members a consumer group, into which the
// caller joins then. All that can refuse it comes before the first record.
func (m *machine) upgrade(s *step, g *group, b *beat) *protocol.Error {
	members, err := g.convertible(s)
	if err == nil {
		err = g.roomFor(s, b, members)
	}
	if err != nil {
		return err
	}
	id, epoch, from := g.id, max(g.generation, 0), len(s.Records())
	for _, member := range g.order {
		m.timers.Cancel(timerKey{timerSession, id, member.id})
		if w := g.unpark(member); w != nil {
			w.refuse(s, protocol.RebalanceInProgress, w.req.MemberID)
		}
		if w := member.takeSync(); w != nil {
			w.refuse(s, protocol.RebalanceInProgress)
		}
	}
	m.vacate(s, g)
	for _, member := range members {
		s.record(memberMetaRecord(id, member.id, member.meta))
	}
	// No hash: the members made the assignment, not the coordinator. So it makes
	// one as soon as somebody asks.
	s.record(consumerEpochRecord(id, epoch, 0))
	for _, member := range members {
		s.record(memberTargetRecord(id, member.id, member.current.assigned))
	}
	s.record(assignmentEpochRecord(id, epoch))
	for _, member := range members {
		s.record(memberCurrentRecord(id, member.id, &member.current))
	}
	m.apply(s)
	g = m.groups[id]
	g.consumer.soft.backAt = s.paidAt(s.Records()[from:])
	for _, member := range members {
		m.watchConsumer(s, g, member)
	}
	s.event(Event{
		Kind: GroupConverted, Group: id, Generation: epoch, Members: len(members),
		Reason: "to the consumer protocol: member " + b.req.MemberID + " joins by it",
	})
	return nil
}

// roomFor finds out whether the member can be in the group besides the others.
func (g *group) roomFor(s *step, b *beat, members []*consumerMember) *protocol.Error {
	var before *consumerMember
	later := newConsumerGroup()
	for _, member := range members {
		later.index.add(member, 0, 1)
		if member.id == b.req.MemberID || b.req.InstanceID != nil && deref(member.meta.instance) == *b.req.InstanceID {
			before = member
		}
	}
	if before == nil && len(members) >= s.config.ConsumerMembersMax {
		return protocol.Errorf(protocol.GroupMaxSizeReached, "Group %s has %d members: group.consumer.max.size.", g.id, len(members))
	}
	return later.room(before, b, s.config.GroupBytesMax)
}

// convertible lists the group's members as those of a consumer group, in the
// same order, or tells why it cannot become one.
func (g *group) convertible(s *step) ([]*consumerMember, *protocol.Error) {
	refuse := func(format string, args ...any) ([]*consumerMember, *protocol.Error) {
		err := protocol.Errorf(protocol.GroupIDNotFound, format, args...)
		err.Message = "Group " + g.id + " is not a consumer group, and cannot become one: " + err.Message
		return nil, err
	}
	switch {
	case !s.config.Migration.up():
		return refuse("group.consumer.migration.policy is %s.", s.config.Migration)
	case g.protocolType != consumerType:
		return refuse("its members speak %q, not %q.", g.protocolType, consumerType)
	case len(g.order) > s.config.ConsumerMembersMax:
		return refuse("it has %d members, and group.consumer.max.size is %d.", len(g.order), s.config.ConsumerMembersMax)
	}
	members := make([]*consumerMember, 0, len(g.order))
	claims := make([]partitions, 0, len(g.order))
	taken := partitions{}
	for _, old := range g.order {
		if old.nameless() {
			continue
		}
		sub, ok := decodeSubscription(old.shown(g.protocol))
		if !ok {
			return refuse("what member %s says of its subscription cannot be read.", old.id)
		}
		assigned, ok := g.givenTo(s.view, old)
		if !ok {
			return refuse("the assignment of member %s cannot be read.", old.id)
		}
		fresh := &consumerMember{id: old.id, meta: old.consumerMeta(&sub), current: memberCurrent{assigned: assigned.minus(taken)}}
		fresh.current.epoch, fresh.current.previous = max(g.generation, 0), max(g.generation, 0)
		taken = taken.or(fresh.current.assigned)
		members, claims = append(members, fresh), append(claims, partitionsOf(s.view, sub.owned))
	}
	// Who was given less than it had may still be about to let go of the rest, so
	// nobody else is to have that before it joins again.
	for i, fresh := range members {
		more := claims[i].minus(taken)
		fresh.current.assigned, taken = fresh.current.assigned.or(more), taken.or(more)
	}
	return members, nil
}

// nameless reports whether the member waits for its id: its client does not know
// that, and comes again as another one.
func (m *member) nameless() bool {
	return m.join != nil && m.join.req.MemberID == "" && m.instance == nil
}

// givenTo is what the member was last assigned, or has yet to hear that it has no
// longer; false if that cannot be read.
func (g *group) givenTo(v View, member *member) (partitions, bool) {
	given := member.assignment
	if g.mayOwn(member.id) {
		given = g.emptying.holding[member.id]
	}
	if len(given) == 0 {
		return nil, true
	}
	topics, ok := readAssignment(given)
	return partitionsOf(v, topics), ok
}

// consumerMeta is the member as one of a consumer group.
func (m *member) consumerMeta(sub *memberSubscription) *memberMeta {
	return &memberMeta{
		instance: m.instance, rack: sub.rack, clientID: m.clientID, clientHost: m.clientHost,
		topics: sub.topics, rebalanceTimeout: m.rebalanceTimeout,
		classic: &classicMeta{sessionTimeout: m.sessionTimeout, protocols: m.protocols},
	}
}

// downgrade makes a consumer group whose members all use the classic protocol a
// classic group, and lets them rebalance: they assign themselves from now on. It
// returns the group, or nil if it stays what it is, for now (migrate_back.go) or at all.
func (m *machine) downgrade(s *step, g *group, why string) *group {
	c := g.consumer
	if !c.classicOnly() || m.putOff(s, g) {
		return nil
	}
	classic, refused := g.declassed(s)
	if refused != "" {
		if refused == c.soft.refused {
			return nil
		}
		c.soft.refused = refused
		s.event(Event{Kind: ConversionRefused, Group: g.id, Generation: c.epoch, Members: len(c.members), Reason: refused})
		return nil
	}
	for _, member := range classic.order {
		m.unwatch(g, member.id)
	}
	m.timers.Cancel(timerKey{timerDowngrade, g.id, ""})
	m.timers.Cancel(timerKey{timerAssign, g.id, ""})
	c.dissolve(s, g.id)
	stored := classic.snapshot()
	stored.Leader = nil // after a load too they have to rebalance first
	s.record(groupRecord(g.id, stored))
	m.apply(s)
	g = m.groups[g.id]
	g.roster, g.subscribed = classic.roster, classic.subscriptions()
	for _, member := range g.order {
		g.enroll(member.id)
	}
	g.protocolType, g.protocol, g.generation, g.leader = consumerType, classic.protocol, classic.generation, classic.leader
	g.emptying.dealt = nil // a rewind that is under way goes on with rebalances
	m.transition(s, g, stateStable)
	for _, member := range g.order {
		m.watch(s, g, member)
	}
	s.event(Event{
		Kind: GroupConverted, Group: g.id, Generation: g.generation, Members: len(g.order),
		Reason: "to the classic protocol: " + why,
	})
	m.prepareRebalance(s, g, "the group came to the classic protocol")
	return g
}

// declassed is the consumer group as a classic one, of no machine, or why it has
// to stay what it is. Members have what they hold now, not what is meant for them.
func (g *group) declassed(s *step) (classic *group, refused string) {
	c := g.consumer
	switch {
	case !s.config.Migration.down():
		return nil, "group.consumer.migration.policy is " + string(s.config.Migration)
	case len(c.members) > s.config.MembersMax:
		return nil, "its classic members are more than group.max.size"
	}
	classic = newGroup(g.id)
	classic.protocolType, classic.generation, classic.since = consumerType, c.epoch, s.wall()
	for _, from := range c.sorted() {
		classic.add(from.declassed(c.epoch))
	}
	classic.protocol, classic.leader = classic.elect(), classic.order[0].id
	if classic.protocol == "" {
		return nil, "its classic members have no protocol in common"
	}
	given := 0
	for _, member := range classic.order {
		holds := c.members[member.id].current
		version := int16(0)
		if sub, ok := decodeSubscription(member.metadata(classic.protocol)); ok {
			version = sub.version
		}
		member.assignment = encodeAssignment(version, namesOf(s.view, holds.assigned.or(holds.revoking)))
		given += len(member.assignment)
	}
	if classic.offerBytes+given > s.config.GroupBytesMax {
		return nil, "one record cannot hold what its classic members say of themselves"
	}
	return classic, ""
}

// declassed is the member as one of a classic group.
func (m *consumerMember) declassed(generation int32) *member {
	out := &member{
		id: m.id, instance: m.meta.instance, clientID: m.meta.clientID, clientHost: m.meta.clientHost,
		rebalanceTimeout: m.meta.rebalanceTimeout, sessionTimeout: m.meta.classic.sessionTimeout,
		protocols: slices.Clone(m.meta.classic.protocols),
	}
	if m.current.epoch != generation {
		out.behind = m.current.epoch
	}
	return out
}
