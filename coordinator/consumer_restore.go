package coordinator

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

func (m *machine) restoreConsumers(s *step) {
	for _, g := range m.consumers() {
		m.restoreConsumer(s, g)
		s.cut()
	}
}

// consumers are the consumer groups, by name: what goes over them writes, and
// the same requests shall always write the same log.
func (m *machine) consumers() []*group {
	count := 0
	for _, n := range m.census[kindConsumer] {
		count += n
	}
	if count == 0 {
		return nil
	}
	groups := make([]*group, 0, count)
	for _, g := range m.groups {
		if g.consumer != nil {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.id, b.id) })
	return groups
}

// restoreConsumer makes the soft part of a freshly loaded consumer group, after
// mending what is not whole: another broker, or a damaged log, may have left only
// some of the records of a change. Members get a whole session from now, as nobody
// knows when they were last heard of.
func (m *machine) restoreConsumer(s *step, g *group) {
	m.mend(s, g)
	c := g.consumer
	if c == nil {
		return
	}
	// Topics may have changed while the shard was not here.
	c.soft.refresh = true
	if g.incomplete(s.view) {
		m.bump(s, g, "the loaded assignment leaves somebody or something out")
	}
	for _, id := range slices.Sorted(maps.Keys(c.members)) { // timers fire in the order they were set in
		member := c.members[id]
		c.soft.note(id, unshown{coming: member.current.assigned}) // what it showed is not known any more
		if member.meta.instance != nil {                          // of two of one instance, the one read last is in it
			c.index.byInstance[*member.meta.instance] = member.id
		}
		m.watchConsumer(s, g, member)
		if member.current.state == memberUnrevoked {
			m.awaitRevocation(s, g, member)
		}
	}
	m.assignSoon(s, g)
}

// mend writes what makes the group whole again, whatever prefix of a step's
// records, or of a group's tombstones, is there.
func (m *machine) mend(s *step, g *group) {
	c := g.consumer
	members := c.survivors()
	if !c.recorded && (len(members) == 0 || g.stored != nil) {
		c.dissolve(s, g.id) // remains of a group that is gone, or of another kind now
		m.apply(s)
		return
	}
	for _, id := range c.strangers(members) {
		c.expel(s, g.id, id)
	}
	m.apply(s)
	for _, id := range c.rivals() { // fenced when it is heard of, it joins again
		s.record(consumerTombstone(memberCurrentKey, g.id, id))
	}
	m.apply(s)
	for _, regex := range slices.Sorted(maps.Keys(c.regexes)) {
		if c.index.regexUsers[regex] == 0 {
			s.record(consumerTombstone(regexKey, g.id, regex))
		}
	}
	highest := c.assignmentEpoch
	for _, member := range c.members {
		highest = max(highest, member.current.epoch)
	}
	if len(members) > 0 && (!c.recorded || c.epoch < highest) {
		s.record(consumerEpochRecord(g.id, nextEpoch(highest), c.hash))
	}
	m.apply(s)
}

// incomplete reports whether a loaded group passes for assigned, though not all
// are or not to all. Where topics changed, the next heartbeat sees to it; and a
// rewind takes partitions away on purpose.
func (g *group) incomplete(v View) bool {
	c := g.consumer
	emptying := g.rewind != nil && g.rewind.phase == rewindEmptying
	return c.epoch == c.assignmentEpoch && nextEpoch(c.epoch) > c.epoch && !emptying &&
		!c.dealt(v) && c.topicsHash(v) == c.hash
}

// dealt reports whether the targets are of all members and of all partitions that
// they subscribe to, as far as counting tells.
func (c *consumerGroup) dealt(v View) bool {
	var there, meant int
	for name := range c.index.subscribers {
		if t, ok := v.Topic(name); ok && !t.ID.IsZero() {
			there += int(t.Partitions)
		}
	}
	for _, member := range c.members {
		if member.current.blank() && len(c.targets[member.id]) == 0 {
			return false // it may have joined when the targets were made
		}
		for topic, list := range c.targets[member.id] {
			if c.subscribes(v, member.meta, topic) {
				meant += len(list)
			}
		}
	}
	return there == meant
}

// survivors are the members that say who they are, one for each instance: the
// one that came furthest.
func (c *consumerGroup) survivors() map[string]bool {
	alive := map[string]bool{}
	static := map[string]*consumerMember{}
	for id, member := range c.members {
		if member.meta == nil {
			continue
		}
		alive[id] = true
		if member.meta.instance == nil {
			continue
		}
		other := static[*member.meta.instance]
		switch {
		case other == nil:
		case cmp.Or(cmp.Compare(other.current.epoch, member.current.epoch), cmp.Compare(other.id, member.id)) > 0:
			delete(alive, id)
			continue
		default:
			delete(alive, other.id)
		}
		static[*member.meta.instance] = member
	}
	return alive
}

// rivals are members that hold what another one holds, of which the one that
// came furthest keeps it. No crash leaves that behind; a damaged log may.
func (c *consumerGroup) rivals() []string {
	twice := map[model.TopicID]bool{}
	for topic, held := range c.index.holders {
		for _, n := range held {
			if n > 1 {
				twice[topic] = true
			}
		}
	}
	if len(twice) == 0 {
		return nil
	}
	members := slices.SortedFunc(maps.Values(c.members), func(a, b *consumerMember) int {
		return cmp.Or(cmp.Compare(b.current.epoch, a.current.epoch), cmp.Compare(a.id, b.id))
	})
	var out []string
	taken := partitions{}
	for _, m := range members {
		holds := m.current.assigned.or(m.current.revoking)
		if holds.and(taken).count() > 0 || m.current.assigned.and(m.current.revoking).count() > 0 {
			out = append(out, m.id)
			continue
		}
		maps.DeleteFunc(holds, func(topic model.TopicID, _ []int32) bool { return !twice[topic] })
		taken = taken.or(holds)
	}
	return out
}

// strangers are those of whom there are records, and who are no members.
func (c *consumerGroup) strangers(members map[string]bool) []string {
	ids := map[string]bool{}
	for id := range c.members {
		ids[id] = !members[id]
	}
	for id := range c.targets {
		ids[id] = !members[id]
	}
	maps.DeleteFunc(ids, func(_ string, stranger bool) bool { return !stranger })
	return slices.Sorted(maps.Keys(ids))
}

// watchConsumer gives a member its session timeout from now.
func (m *machine) watchConsumer(s *step, g *group, member *consumerMember) {
	m.timers.Set(timerKey{timerSession, g.id, member.id}, s.Now.Add(s.sessionOf(g.id, member)))
}

// awaitRevocation gives a member its rebalance timeout from now to give up what it
// has to. Another broker's records may name none: then it is as long as a session.
func (m *machine) awaitRevocation(s *step, g *group, member *consumerMember) {
	timeout := time.Duration(member.meta.rebalanceTimeout) * time.Millisecond
	if timeout < 0 {
		timeout = s.sessionOf(g.id, member)
	}
	m.timers.Set(timerKey{timerRebalance, g.id, member.id}, s.Now.Add(timeout))
}
