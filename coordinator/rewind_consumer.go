package coordinator

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// In a consumer group the coordinator deals out, so a rewind takes only what is
// marked away, and the rest is not disturbed: targets without the marked
// partitions first, and, when no member holds one any more, the marks and targets
// with them again. Members come to either by their heartbeats, one by one, as in
// any rebalance; session and rebalance timeouts end the wait for those that do not.

const (
	// rewindHeartbeat is how often members shall send one meanwhile: both steps
	// of all of them take as long as the slowest.
	rewindHeartbeat = 500 * time.Millisecond
	// rewindSettles is for how long after the marks a member that is not yet
	// where it shall be is asked to hurry.
	rewindSettles = 30 * time.Second
)

// takeMarked begins, or begins anew after a load, to take the marked partitions
// of a rewind away.
func (m *machine) takeMarked(s *step, g *group) {
	if marked := g.marked(s); g.consumer.meant(marked) || g.consumer.kept(marked) {
		m.bump(s, g, g.rewind.String())
		m.retargetNow(s, g)
	}
	m.released(s, g)
}

// released is to be called when a member of a consumer group let go of something
// or went. When nobody holds what a rewind marked any more, it commits the marks
// and deals all out again. The epoch comes first: from there on a load makes the
// targets, whatever else a crash keeps.
func (m *machine) released(s *step, g *group) {
	c := g.consumer
	if !g.isEmptying() || c == nil {
		return
	}
	if len(c.members) == 0 {
		m.commitMarks(s, g, 0) // nobody is left who could commit from before
		return
	}
	if c.held(g.marked(s)) {
		return
	}
	m.bump(s, g, "nobody owns what is to be rewound now: "+g.rewind.String())
	m.commitMarks(s, g, c.epoch)
	if c.strange() {
		m.assignSoon(s, g)
	} else {
		m.retargetNow(s, g)
	}
	g.emptying.dealt = nil
}

// strange reports whether a loaded group has a member of which it is not known what
// it owns, as a damaged log leaves it: an assignment that was made at the load would
// pass for one without it at the next.
func (c *consumerGroup) strange() bool {
	for _, member := range c.members {
		if member.current.blank() {
			return true
		}
	}
	return false
}

// callOffRewind forgets a rewind that is not done; its members get back what it took.
func (m *machine) callOffRewind(s *step, g *group) {
	const why = "the rewind was called off"
	if !g.consumed() {
		if m.forgetRewind(s, g) && g.state == stateStable {
			m.prepareRebalance(s, g, why)
		}
		return
	}
	dealt := g.emptying.dealt
	m.bump(s, g, why) // first, as in released
	m.forgetRewind(s, g)
	g.emptying.dealt = dealt
	m.retargetNow(s, g)
	g.emptying.dealt = nil
}

// retargetNow does not wait, as a group does while many members come.
func (m *machine) retargetNow(s *step, g *group) {
	m.timers.Cancel(timerKey{timerAssign, g.id, ""})
	m.retarget(s, g)
}

// isEmptying reports whether a rewind is taking partitions away.
func (g *group) isEmptying() bool { return g.rewind != nil && g.rewind.phase == rewindEmptying }

// marked are the partitions that a rewind is taking away. Those of topics that
// are gone do not count: nobody can read them any more.
func (g *group) marked(s *step) partitions {
	if !g.isEmptying() {
		return nil
	}
	marked := partitions{}
	for _, t := range g.rewind.topics {
		if now := s.topic(t.name); !now.exists || now.id != t.id {
			continue
		}
		list := make([]int32, 0, len(t.partitions))
		for _, p := range t.partitions {
			list = append(list, p.partition)
		}
		marked.put(t.id, list)
	}
	return marked
}

// meant reports whether a member shall have one of these.
func (c *consumerGroup) meant(set partitions) bool {
	for _, target := range c.targets {
		if len(target.and(set)) > 0 {
			return true
		}
	}
	return false
}

// kept reports whether a member has one of these and is where it shall be: as a
// damaged log leaves it, who has what it was never meant to have would never give
// that up.
func (c *consumerGroup) kept(set partitions) bool {
	for _, member := range c.members {
		if member.current.settled(c.assignmentEpoch) && len(member.current.assigned.and(set)) > 0 {
			return true
		}
	}
	return false
}

// held reports whether a member may work on one of these. A static member that
// is away does not: it gave all up when it went.
func (c *consumerGroup) held(set partitions) bool {
	var away partitions
	for _, id := range c.index.byInstance {
		if current := &c.members[id].current; current.epoch == epochAway {
			away = away.or(current.assigned)
		}
	}
	for topic, list := range set {
		holders := c.index.holders[topic]
		for _, partition := range list {
			n := holders[partition]
			if n > 0 && away.has(topic, partition) {
				n--
			}
			if n > 0 {
				return true
			}
		}
	}
	return false
}

// pace is how often a member of a consumer group shall send heartbeats.
func (m *consumerMember) pace(s *step, g *group) time.Duration {
	every, r := s.heartbeat(g.id), g.rewind
	switch {
	case r == nil:
	case r.phase == rewindEmptying,
		!m.current.settled(g.consumer.assignmentEpoch) && s.wall()-r.ended < rewindSettles.Milliseconds():
		return min(every, rewindHeartbeat)
	}
	return every
}

// ignoreLate takes what a rewind makes meaningless out of a commit that is
// refused, as its member has come to another epoch since. Clients repeat such a
// commit with their new epoch, which would then be good enough to undo a mark. As
// long as there are no marks yet, it counts if it is further than what is committed.
func (g *group) ignoreLate(s *step, req *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse) {
	if g == nil || g.rewind == nil || g.consumer == nil ||
		g.consumer.members[req.MemberID] == nil || req.Generation > g.consumer.epoch {
		return
	}
	var room arena
	for i := range req.Topics {
		topic := &req.Topics[i]
		now := s.topic(topic.Topic)
		for j := range topic.Partitions {
			p := &topic.Partitions[j]
			switch {
			case g.ignored(s, req, topic.Topic, now, p.Partition):
			case g.isEmptying() && req.Generation >= 0 && g.rewind.takes(topic.Topic, now, p.Partition):
				if p.Offset > g.savedOf(s, topic.Topic, p.Partition) {
					c := committedOf(s, req, p, now.id)
					c.metadata = ""
					s.record(room.offsetRecord(g.id, topic.Topic, p.Partition, c))
					s.cut()
					s.commits++
				}
			default:
				continue
			}
			resp.Topics[i].Partitions[j].ErrorCode = int16(protocol.NoError)
		}
	}
}
