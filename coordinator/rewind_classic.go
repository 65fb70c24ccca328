package coordinator

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// emptyRoundsMax bounds how often a group is emptied whose members each time own
// something yet, as they say, or join without having fetched what they are given.
const emptyRoundsMax = 3

// emptying is how far a group has come in giving up what it owns. It is soft:
// after a restart it begins anew.
type emptying struct {
	// holding are the members of a classic group that may own something, and what they
	// were given before: they have not fetched their empty assignment. Nil: none was
	// handed out since.
	holding map[string][]byte
	rounds  int
	ignored int // commits
	// dealt is what the members of a consumer group would have, by their ids: they
	// get it back in the end.
	dealt map[string]partitions
}

// startRewind makes a rewind durable. A group without members is rewound at
// once; another one rebalances, or goes on with the rebalance that is under way.
func (m *machine) startRewind(s *step, g *group, r *rewind) {
	if g.rewind == nil || g.rewind.phase == rewindDone {
		g.emptying = emptying{}
	}
	m.timers.Cancel(timerKey{timerRewind, g.id, ""})
	r.guards = g.guardsOf(s)
	s.record(rewindRecord(g.id, r))
	m.apply(s)
	s.event(Event{Kind: RewindStarted, Group: g.id, Generation: g.number(), Members: g.size(), Count: r.count()})
	m.goOnEmptying(s, g)
}

// goOnEmptying takes the first step of a rewind that is durable.
func (m *machine) goOnEmptying(s *step, g *group) {
	switch {
	case g.consumed():
		m.takeMarked(s, g)
	case len(g.order) == 0:
		m.commitMarks(s, g, 0) // nobody is left who could commit from before
	case g.emptying.holding == nil && (g.state == stateStable || g.state == stateCompleting):
		m.prepareRebalance(s, g, g.rewind.String())
	}
}

// emptiesNext reports whether the generation that is being formed shall own
// nothing. If the one before owned nothing, the marks are committed instead.
func (m *machine) emptiesNext(s *step, g *group) bool {
	if !g.isEmptying() {
		return false
	}
	e := &g.emptying
	if e.holding != nil && len(e.holding) == 0 && !g.owns() {
		m.commitMarks(s, g, g.generation)
		return false
	}
	return true
}

// dropHolders puts out who does not give up what it owns in a number of rounds:
// so it does. Broken clients do that, and members that a storm of others keeps
// from fetching their assignment; these join again.
func (m *machine) dropHolders(s *step, g *group) {
	e := &g.emptying
	if !g.isEmptying() || e.rounds < emptyRoundsMax {
		return
	}
	for _, member := range slices.Clone(g.order) {
		if _, holds := e.holding[member.id]; holds || claims(member.shown(g.protocol)) {
			m.dismiss(s, g, member.id, protocol.UnknownMemberID, "it does not give up what it owns: "+g.rewind.String())
		}
	}
}

// giveNothing stores and hands out a generation in which nobody owns anything.
// It does not wait for the leader: what that would assign does not count.
func (m *machine) giveNothing(s *step, g *group) {
	e := &g.emptying
	e.rounds++
	held := e.holding
	e.holding = make(map[string][]byte, len(g.order))
	nothing := emptyAssignment()
	for _, member := range g.order {
		before, holds := held[member.id]
		if !holds {
			before = member.assignment
		}
		e.holding[member.id] = before
		member.assignment = nothing
	}
	m.transition(s, g, stateStable)
	s.record(groupRecord(g.id, g.snapshot()))
	s.event(Event{Kind: GroupStabilized, Group: g.id, Generation: g.generation, Members: len(g.order)})
}

// emptyAssignment is a ConsumerProtocolAssignment of version 0 without topics
// and user data.
func emptyAssignment() []byte { return []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff} }

// gaveUp notes that a member was told to own nothing. With the last one the
// second rebalance begins, not before: a member that is told later would join it
// with all that it had.
func (m *machine) gaveUp(s *step, g *group, id string) {
	e := &g.emptying
	if _, ok := e.holding[id]; !ok {
		return
	}
	delete(e.holding, id)
	if len(e.holding) == 0 && g.state == stateStable && g.isEmptying() {
		m.prepareRebalance(s, g, "nobody owns anything now: "+g.rewind.String())
	}
}

// mayOwn reports whether the member has yet to be told that it owns nothing.
func (g *group) mayOwn(id string) bool {
	_, ok := g.emptying.holding[id]
	return ok && g.isEmptying()
}

// commitMarks ends the first phase: marks and the end of it are one step, whose
// answers lead the members to what is theirs from then on.
func (m *machine) commitMarks(s *step, g *group, ignoreBelow int32) {
	done := *g.rewind
	done.phase, done.ended, done.ignoreBelow = rewindDone, s.wall(), ignoreBelow
	done.topics = g.settle(s, &done)
	var room arena
	for _, t := range done.topics {
		now := s.topic(t.name)
		if !now.exists || now.id != t.id {
			continue // deleted since
		}
		for _, p := range t.partitions {
			s.record(room.offsetRecord(g.id, t.name, p.partition, committed{
				topic: t.id, offset: p.mark, leaderEpoch: -1, commitTime: s.wall(), expireTime: noTime,
			}))
		}
	}
	s.record(rewindRecord(g.id, &done))
	m.apply(s)
	g.emptying.holding, g.emptying.rounds = nil, 0
	m.timers.Set(timerKey{timerRewind, g.id, ""}, s.at(done.expires()))
	m.scheduleExpiry(s)
	s.event(Event{Kind: RewindEnded, Group: g.id, Generation: g.number(), Count: done.count()})
}

// settle is what marks come to in the end: what is committed meanwhile is what an
// undo goes back to, and further than a mark that only skips, or an undo that
// leaves the group where it was. Below the log start there is nothing to read.
func (g *group) settle(s *step, r *rewind) []rewindTopic {
	settled := make([]rewindTopic, 0, len(r.topics))
	for _, t := range r.topics {
		t.partitions = slices.Clone(t.partitions)
		for i := range t.partitions {
			p := &t.partitions[i]
			if now := g.savedOf(s, t.name, p.partition); now >= 0 {
				if p.mark > p.saved || p.mark == p.saved && r.undoes {
					p.mark = max(p.mark, now)
				}
				p.saved = now
			}
			if start := s.logStart(t.name, p.partition); p.mark < start {
				if p.mark <= p.saved { // it is no skip by that
					p.saved = max(p.saved, start)
				}
				p.mark = start
			}
		}
		settled = append(settled, t)
	}
	return settled
}

// forgetRewind forgets a rewind that is not done, but for what it guards, and
// reports whether members of a classic group own nothing by now: they have to
// rebalance once more.
func (m *machine) forgetRewind(s *step, g *group) (handedOut bool) {
	handedOut = g.emptying.holding != nil
	g.emptying = emptying{}
	left := rewind{phase: rewindDone, started: g.rewind.started, ended: s.wall(), guards: g.rewind.guards}
	if len(left.guards) == 0 {
		s.record(Record{Key: rewindKey(g.id)})
	} else {
		s.record(rewindRecord(g.id, &left))
		m.timers.Set(timerKey{timerRewind, g.id, ""}, s.at(left.expires()))
	}
	m.apply(s)
	return handedOut
}

// restoreRewinds goes on with rewinds after a load. One that is not done begins
// anew: who owns what is not known, and nothing was changed yet. A group that was
// between its two rebalances owns nothing, and nobody else would begin the second.
func (m *machine) restoreRewinds(s *step) {
	for _, id := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[id]
		if g.rewind != nil && g.rewind.phase == rewindDone {
			m.timers.Set(timerKey{timerRewind, id, ""}, s.at(g.rewind.expires()))
		}
		switch {
		case g.isEmptying():
			m.goOnEmptying(s, g)
		case g.emptyHanded():
			m.prepareRebalance(s, g, "nobody was given anything: a rewind was under way")
		}
		s.cut()
	}
}

// emptyHanded reports whether the members have what giveNothing gives.
func (g *group) emptyHanded() bool {
	if g.state != stateStable || len(g.order) == 0 || g.protocolType != consumerType {
		return false
	}
	nothing := emptyAssignment()
	return !slices.ContainsFunc(g.order, func(m *member) bool { return !bytes.Equal(m.assignment, nothing) })
}

// dropRewind forgets a rewind with the kind of group that it was of: generations
// and epochs begin anew.
func (m *machine) dropRewind(s *step, g *group) {
	if g.rewind != nil {
		m.timers.Cancel(timerKey{timerRewind, g.id, ""})
		s.record(Record{Key: rewindKey(g.id)})
	}
}

// owns reports whether a member that joins says that it owns something yet: it
// was told otherwise, but the answer was lost.
func (g *group) owns() bool {
	for _, member := range g.order {
		if member.join != nil && claims(member.shown(g.protocol)) {
			return true
		}
	}
	return false
}

// claims reports whether a ConsumerProtocolSubscription names partitions that
// its member owns, as cooperative consumers do from version 1 on:
//
//	version i16 | topics | user data | count i32 | count times: topic, n i32, n times: i32 | ...
func claims(b []byte) bool {
	if len(b) < 6 || int16(binary.BigEndian.Uint16(b)) < 1 {
		return false
	}
	c := shard.Cursor{Rest: b[2:]}
	for n := c.Int32(); n > 0 && !c.Bad; n-- {
		skipText(&c)
	}
	skipBytes(&c) // user data
	for n := c.Int32(); n > 0 && !c.Bad; n-- {
		skipText(&c)
		if c.Int32() > 0 {
			return true
		}
	}
	return false
}

// ignored counts a commit that a rewind makes meaningless.
func (g *group) ignored(s *step, req *kmsg.OffsetCommitRequest, topic string, now topicNow, partition int32) bool {
	if g == nil || !g.rewind.ignores(req.Generation, topic, now, partition) {
		return false
	}
	g.emptying.ignored++
	s.ignored++
	return true
}
