package coordinator

import (
	"fmt"
	"slices"
)

// replayConsumer applies one record of a consumer group. The first record that
// comes, whichever it is, makes the group and the member that it speaks of; a
// tombstone of what is not there does nothing.
func (m *machine) replayConsumer(version uint16, r Record) error {
	key, err := decodeConsumerKey(version, r.Key)
	if err != nil {
		return err
	}
	g := m.groups[key.group]
	if r.Value == nil {
		if g == nil || g.consumer == nil {
			return nil
		}
		g.consumer.forget(version, key)
		m.settleConsumer(g, r.Timestamp)
		return nil
	}
	apply, err := decodeConsumerValue(version, r.Value)
	if err != nil {
		return fmt.Errorf("key version %d of group %q: %w", version, key.group, err)
	}
	if g == nil {
		g = m.obtain(key.group)
	}
	if g.consumer == nil {
		g.consumer = newConsumerGroup()
	}
	if version == consumerEpochKey {
		g.stored = nil // of two kinds, the later one in the log is the group's
	}
	apply(g.consumer, key.item)
	g.enroll(key.item)
	m.settleConsumer(g, r.Timestamp)
	return nil
}

// settleConsumer follows up on a change of a group's consumer part, that came at
// some time in ms.
func (m *machine) settleConsumer(g *group, at int64) {
	if g.consumer.gone() {
		g.consumer = nil
		m.forget(g)
	}
	before := g.counted
	if m.recount(g); g.counted != before {
		g.since = at
	}
	if c := g.consumer; c != nil && c.state() == consumerStable && c.soft.settled < c.epoch {
		c.soft.settled = c.epoch
		m.settled = append(m.settled, settling{g.id, c.epoch})
	}
}

// forget takes out what a tombstone names.
func (c *consumerGroup) forget(version uint16, key consumerKey) {
	switch version {
	case consumerEpochKey:
		c.recorded, c.epoch, c.hash = false, 0, 0
	case memberMetaKey:
		c.change(key.item, func(m *consumerMember) { m.meta = nil })
	case assignmentEpochKey:
		c.setAssignmentEpoch(0)
	case memberTargetKey:
		delete(c.targets, key.item)
	case memberCurrentKey:
		c.change(key.item, func(m *consumerMember) { m.current = memberCurrent{} })
	case regexKey:
		c.setRegex(key.item, nil)
	}
}

// change puts a changed copy in the place of a member: a new one if there is
// none, none if nothing is known of it any more.
func (c *consumerGroup) change(id string, change func(*consumerMember)) {
	old := c.members[id]
	fresh := consumerMember{id: id}
	if old != nil {
		fresh = *old
	}
	change(&fresh)
	if fresh.meta == nil && fresh.current.blank() {
		c.index.replace(old, nil, c.assignmentEpoch)
		delete(c.members, id)
		return
	}
	c.index.replace(old, &fresh, c.assignmentEpoch)
	c.members[id] = &fresh
}

// setAssignmentEpoch also counts anew who has come that far.
func (c *consumerGroup) setAssignmentEpoch(epoch int32) {
	c.assignmentEpoch = epoch
	c.index.settled = 0
	for _, m := range c.members {
		if m.current.settled(epoch) {
			c.index.settled++
		}
	}
}

// setRegex replaces what a pattern stands for; nil removes it.
func (c *consumerGroup) setRegex(regex string, to *resolvedRegex) {
	for _, topic := range c.regexes[regex].topics {
		c.index.subscribe(topic, -1)
	}
	c.index.match(c.regexes[regex].topics, -1)
	delete(c.regexes, regex)
	if to == nil {
		return
	}
	if fresh := c.soft.patterns.fresh; slices.Equal(fresh, to.topics) {
		to.topics = fresh
	}
	to.topics = c.index.matches.shared(to.topics)
	c.index.match(to.topics, 1)
	c.regexes[regex] = *to
	for _, topic := range to.topics {
		c.index.subscribe(topic, 1)
	}
}
