package coordinator

import (
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// rebalance starts one, or goes on with the one that is being prepared.
func (m *machine) rebalance(s *step, g *group, reason string) {
	if g.state == statePreparing {
		m.completeIfAllJoined(s, g)
		return
	}
	m.prepareRebalance(s, g, reason)
}

// prepareRebalance asks all members to join anew.
func (m *machine) prepareRebalance(s *step, g *group, reason string) {
	if g.state == stateCompleting {
		for _, member := range g.order {
			member.assignment = nil
			if w := member.takeSync(); w != nil {
				w.refuse(s, protocol.RebalanceInProgress)
				m.watch(s, g, member)
			}
		}
	}
	m.stopSync(g)
	first := g.state == stateEmpty
	m.transition(s, g, statePreparing)
	s.event(Event{Kind: RebalanceStarted, Group: g.id, Generation: g.generation, Members: len(g.order), Reason: reason})
	if first && !g.cell { // a cell waits for nobody
		m.delayInitial(s, g)
		return
	}
	if g.allJoined() {
		m.completeJoin(s, g)
		return
	}
	m.timers.Set(timerKey{timerJoin, g.id, ""}, s.in(g.rebalanceTimeout()))
}

// delayInitial waits for more members of a group that was empty, so that a
// service that starts many at once rebalances once.
func (m *machine) delayInitial(s *step, g *group) {
	delay := s.config.InitialRebalanceDelay.Milliseconds()
	g.initial = initialDelay{
		active: true, delay: delay, remained: max(int64(g.rebalanceTimeout())-delay, 0),
	}
	m.setInitial(s, g)
}

func (m *machine) setInitial(s *step, g *group) {
	wait := time.Duration(g.initial.delay) * time.Millisecond
	m.timers.Set(timerKey{timerJoin, g.id, ""}, s.Now.Add(wait))
}

// expireJoin ends the wait for members: all of it, or one initial delay, which
// is extended while members come and the rebalance timeout allows.
func (m *machine) expireJoin(s *step, g *group) {
	if g.state != statePreparing {
		return
	}
	if i := &g.initial; i.active && i.joined && i.remained > 0 {
		spent := i.delay
		i.joined = false
		i.delay = min(s.config.InitialRebalanceDelay.Milliseconds(), i.remained)
		i.remained = max(i.remained-spent, 0)
		m.setInitial(s, g)
		return
	}
	m.completeJoin(s, g)
}

// completeIfAllJoined forms the generation as soon as nobody is missing. The
// first rebalance of a group waits its delay out instead.
func (m *machine) completeIfAllJoined(s *step, g *group) {
	if g.state == statePreparing && !g.initial.active && g.allJoined() {
		m.completeJoin(s, g)
	}
}

// completeJoin forms the next generation of those who joined. Dynamic members
// that did not are out; static ones stay until their session ends.
func (m *machine) completeJoin(s *step, g *group) {
	m.timers.Cancel(timerKey{timerJoin, g.id, ""})
	for _, member := range slices.Clone(g.order) {
		if member.join == nil && member.instance == nil {
			m.dismiss(s, g, member.id, protocol.UnknownMemberID, "it did not join in time")
		}
	}
	m.dropHolders(s, g)
	if len(g.order) > 0 && !g.electLeader() {
		// Only static members, and none came: their sessions will end this.
		m.timers.Set(timerKey{timerJoin, g.id, ""}, s.in(g.rebalanceTimeout()))
		return
	}
	g.initial = initialDelay{}
	g.generation++
	g.pendingSync = nil
	if len(g.order) == 0 {
		m.empty(s, g)
		return
	}
	emptying := m.emptiesNext(s, g)
	g.protocol = g.elect()
	g.subscribed = g.subscriptions()
	m.transition(s, g, stateCompleting)
	s.event(Event{Kind: GenerationFormed, Group: g.id, Generation: g.generation, Members: len(g.order)})
	g.pendingSync = make(map[string]struct{}, len(g.order))
	for _, member := range g.order {
		if w := g.unpark(member); w != nil {
			w.accept(s, g, member)
		}
		member.fresh, member.behind = false, 0
		m.watch(s, g, member)
		g.pendingSync[member.id] = struct{}{}
	}
	m.timers.Set(timerKey{timerSync, g.id, ""}, s.in(g.rebalanceTimeout()))
	if emptying {
		m.giveNothing(s, g)
	}
}

// electLeader makes sure that the leader is somebody who joined.
func (g *group) electLeader() bool {
	if leader := g.byID[g.leader]; leader != nil && leader.join != nil {
		return true
	}
	for _, member := range g.order {
		if member.join != nil {
			g.leader = member.id
			return true
		}
	}
	return false
}

// empty stores that the group has no members: offset retention starts to run.
func (m *machine) empty(s *step, g *group) {
	g.protocol, g.leader = "", ""
	g.subscribed = g.subscriptions()
	m.transition(s, g, stateEmpty)
	s.record(groupRecord(g.id, g.snapshot()))
	s.event(Event{Kind: GroupEmptied, Group: g.id, Generation: g.generation})
	if g.rewind != nil && g.rewind.phase == rewindEmptying {
		m.goOnEmptying(s, g)
	}
}

// expireSync removes members that took the generation but never asked for
// their assignment.
func (m *machine) expireSync(s *step, g *group) {
	if g.state != stateCompleting && g.state != stateStable || len(g.pendingSync) == 0 {
		return
	}
	for _, member := range slices.Clone(g.order) {
		if _, ok := g.pendingSync[member.id]; ok {
			m.dismiss(s, g, member.id, protocol.UnknownMemberID, "it did not sync in time")
		}
	}
	m.prepareRebalance(s, g, "members did not sync in time")
}

func (m *machine) stopSync(g *group) {
	clear(g.pendingSync)
	m.timers.Cancel(timerKey{timerSync, g.id, ""})
}

// watch gives a member its session timeout from now.
func (m *machine) watch(s *step, g *group, member *member) {
	m.timers.Set(timerKey{timerSession, g.id, member.id}, s.in(member.sessionTimeout))
}

// expireSession removes a member, or one that was given an id only, of which
// nothing was heard.
func (m *machine) expireSession(s *step, g *group, id string) {
	if _, ok := g.pendingJoin[id]; ok {
		m.dismiss(s, g, id, protocol.UnknownMemberID, "it did not come back with its new member id")
		m.completeIfAllJoined(s, g)
		m.forget(g)
		return
	}
	member := g.byID[id]
	if member == nil || member.excused() {
		return
	}
	m.dismiss(s, g, id, protocol.UnknownMemberID, "its session timed out")
	m.afterDismissal(s, g, "member "+id+" timed out")
}

// dismiss takes a member out; what it waits for is answered with code.
func (m *machine) dismiss(s *step, g *group, id string, code protocol.ErrorCode, reason string) {
	m.timers.Cancel(timerKey{timerSession, g.id, id})
	if member := g.byID[id]; member != nil {
		if w := g.unpark(member); w != nil {
			w.refuse(s, code, "")
		}
		if w := member.takeSync(); w != nil {
			w.refuse(s, code)
		}
		s.event(Event{Kind: MemberRemoved, Group: g.id, Member: id, Generation: g.generation, Reason: reason})
	}
	g.discharge(id)
	if g.cell {
		m.unbind(g)
	}
}

// afterDismissal lets the rest of the group go on.
func (m *machine) afterDismissal(s *step, g *group, reason string) {
	switch g.state {
	case stateStable, stateCompleting:
		m.prepareRebalance(s, g, reason)
	case statePreparing:
		m.completeIfAllJoined(s, g)
	case stateEmpty, stateCount:
		m.forget(g)
	}
}
