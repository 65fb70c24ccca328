package coordinator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/assign"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// lookInterval is how often the topics of a group are looked at without a notice
// that they changed: of racks there is none.
const lookInterval = 5 * time.Minute

// outdated reports whether the group's topics are to be looked at again.
func (c *consumerSoft) outdated(s *step) bool {
	return c.refresh || s.Now.Sub(c.lookedAt) >= lookInterval
}

// looked notes that they were.
func (c *consumerSoft) looked(s *step) {
	if c.outdated(s) {
		c.refresh, c.lookedAt = false, s.Now
	}
}

// bump raises the group's epoch: there has to be another assignment.
func (m *machine) bump(s *step, g *group, why string) {
	c := g.consumer
	s.record(consumerEpochRecord(g.id, nextEpoch(c.epoch), c.topicsHash(s.view)))
	m.apply(s)
	s.event(Event{Kind: RebalanceStarted, Group: g.id, Generation: c.epoch, Members: len(c.members), Reason: why})
}

// assign makes targets for the group's epoch if there are none yet. Where many were
// made just now that has to wait; until then the members have what they had.
func (m *machine) assign(s *step, g *group) {
	c, key := g.consumer, timerKey{timerAssign, g.id, ""}
	refused := c.soft.unassigned != 0 && c.soft.unassigned == c.epoch
	if len(c.members) == 0 || c.epoch == c.assignmentEpoch || refused {
		m.timers.Cancel(key)
		return
	}
	if due := c.soft.pace.due(); s.Now.Before(due) {
		m.timers.Set(key, due)
		return
	}
	m.timers.Cancel(key)
	m.retarget(s, g)
}

// assignSoon makes sure that there is an assignment even if no member asks.
func (m *machine) assignSoon(s *step, g *group) {
	c, key := g.consumer, timerKey{timerAssign, g.id, ""}
	switch {
	case len(c.members) == 0:
		m.timers.Cancel(key)
	case c.epoch > c.assignmentEpoch && !m.timers.Has(key):
		m.timers.Set(key, s.Now.Add(s.heartbeat(g.id)))
	}
}

// retarget writes what each member shall own from now on.
func (m *machine) retarget(s *step, g *group) {
	c, marked := g.consumer, g.marked(s)
	spec := c.spec(s.view, g.emptying.dealt)
	c.soft.pace = c.soft.pace.after(s.Now, spec)
	if len(marked) > 0 {
		g.emptying.dealt = make(map[string]partitions, len(spec.Members))
	}
	deal := assign.Uniform
	c.soft.assignor = c.assignor(s, g.id)
	if c.soft.assignor == assignorRange {
		deal = assign.Range
	}
	var targets []Record
	for i, target := range deal(spec) {
		id, target := spec.Members[i].ID, partitions(target)
		if len(marked) > 0 {
			g.emptying.dealt[id] = target
			target = target.minus(marked)
		}
		if target.equal(c.targets[id]) {
			continue
		}
		r := memberTargetRecord(g.id, id, target)
		if !s.fits(&r) {
			c.soft.unassigned = c.epoch
			s.event(Event{Kind: AssignmentRefused, Group: g.id, Member: id, Generation: c.epoch, Members: len(c.members), Reason: fmt.Sprintf(
				"a member's share of the partitions takes %d bytes, and can have %d (a third of mainstem.log.segment.bytes, at most 16 MiB): have more members, or fewer topics", r.Size(), s.config.RecordBytesMax)})
			return
		}
		targets = append(targets, r)
	}
	if sum := c.topicsHash(s.view); sum != c.hash {
		// The topics changed between the epoch and the assignment, which had to wait:
		// the next change has to be told from those that are dealt out here.
		s.record(consumerEpochRecord(g.id, c.epoch, sum))
	}
	for _, r := range targets {
		s.record(r)
	}
	s.record(assignmentEpochRecord(g.id, c.epoch))
	m.apply(s)
}

// The assignors that there are.
const (
	assignorUniform = "uniform"
	assignorRange   = "range"
)

// assignor is the one in use: what is set on the group, else what most members
// ask for, else the broker's first.
func (c *consumerGroup) assignor(s *step, group string) string {
	if set := s.rules(group).Assignor; set != "" {
		return set
	}
	best, votes := s.config.Assignors[0], 0
	for _, name := range s.config.Assignors { // of equals the first
		if n := c.index.assignors[name]; n > votes {
			best, votes = name, n
		}
	}
	return best
}

// redeal makes another assignment if another assignor is to make it now.
func (m *machine) redeal(s *step, id string) {
	g := m.groups[id]
	if g == nil || !g.consumed() || g.consumer.soft.assignor == g.consumer.assignor(s, id) {
		return
	}
	m.bump(s, g, "it is to be dealt out in another way")
	m.assign(s, g)
}

// spec is the assignor's task. Members shall keep what they have, or what dealt
// says that they had before a rewind took it away.
func (c *consumerGroup) spec(v View, dealt map[string]partitions) *assign.Spec {
	spec := &assign.Spec{Members: make([]assign.Member, 0, len(c.members))}
	ids := make(map[string]model.TopicID)
	for _, t := range c.topics(v) {
		if t.ID.IsZero() {
			continue
		}
		ids[t.Name] = t.ID
		spec.Topics = append(spec.Topics, assign.Topic{ID: t.ID, Name: t.Name, Partitions: t.Partitions, Racks: v.Racks(t.ID)})
	}
	resolved := map[choice][]model.TopicID{}
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		meta := c.members[id].meta
		member := assign.Member{ID: id, Instance: deref(meta.instance), Rack: deref(meta.rack), Owned: c.targets[id]}
		if before, ok := dealt[id]; ok {
			member.Owned = before
		}
		key := choiceOf(meta)
		topics, ok := resolved[key]
		if !ok {
			topics = resolveNames(ids, meta.topics, c.regexes[key.regex].topics)
			resolved[key] = topics
		}
		member.Topics = topics
		spec.Members = append(spec.Members, member)
	}
	return spec
}

// topics lists those that exist of what the members subscribe to, by their names.
// Most names may be of none: there can be very many.
func (c *consumerGroup) topics(v View) []Topic {
	var topics []Topic
	for name := range c.index.subscribers {
		if t, ok := v.Topic(name); ok {
			topics = append(topics, t)
		}
	}
	slices.SortFunc(topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	return topics
}

// choice tells subscriptions apart without reading them: members that name the
// same topics share the list (consumerIndex.shared), as there may be thousands of
// either. Those whose lists are only equal cost more, and get the same.
type choice struct {
	first *string
	n     int
	regex string
}

func choiceOf(meta *memberMeta) choice {
	key := choice{n: len(meta.topics), regex: deref(meta.regex)}
	if key.n > 0 {
		key.first = &meta.topics[0]
	}
	return key
}

// resolveNames makes ids of the names that have one.
func resolveNames(ids map[string]model.TopicID, lists ...[]string) []model.TopicID {
	var topics []model.TopicID
	for _, list := range lists {
		for _, name := range list {
			if topic, ok := ids[name]; ok {
				topics = append(topics, topic)
			}
		}
	}
	slices.SortFunc(topics, func(a, b model.TopicID) int { return cmp.Compare(string(a[:]), string(b[:])) })
	return slices.Compact(topics)
}

// subscribes reports whether the topic exists and the member subscribes to it,
// by name or by pattern.
func (c *consumerGroup) subscribes(v View, meta *memberMeta, id model.TopicID) bool {
	t, ok := v.TopicByID(id)
	return ok && (listed(meta.topics, t.Name) || meta.regex != nil && listed(c.regexes[*meta.regex].topics, t.Name))
}

// listed looks a name up in what is sorted, unless another broker wrote it.
func listed(names []string, name string) bool {
	_, ok := slices.BinarySearch(names, name)
	return ok || slices.Contains(names, name)
}
