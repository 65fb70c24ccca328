package coordinator

import (
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// replaceStatic lets a new process take the place of a static member: it is
// known by its instance id alone. In a stable group nothing else changes, so
// no rebalance follows; that is what static members are for.
func (m *machine) replaceStatic(s *step, g *group, w *joinWait, old *member, id string, offers []offer) {
	leaderBefore := g.leader
	fresh := m.succeed(s, g, old, id)
	m.update(s, g, w, fresh, offers)
	switch g.state {
	case stateStable:
		if g.elect() != g.protocol {
			m.rebalance(s, g, "static member "+id+" changes the chosen protocol")
			return
		}
		g.subscribed = g.subscriptions()
		// The stored group must name the new member id before its owner learns it.
		s.record(groupRecord(g.id, g.snapshot()))
		m.welcomeStatic(s, g, g.unpark(fresh), fresh, leaderBefore)
	case stateCompleting:
		// The leader may already assign for the old member id.
		m.prepareRebalance(s, g, "static member "+id+" replaced "+old.id)
	case statePreparing, stateEmpty, stateCount:
		m.completeIfAllJoined(s, g)
	}
}

// succeed puts a new member into the old one's place. Who still waits under
// the old id is fenced.
func (m *machine) succeed(s *step, g *group, old *member, id string) *member {
	if w := g.unpark(old); w != nil {
		w.refuse(s, protocol.FencedInstanceID, old.id)
	}
	if w := old.takeSync(); w != nil {
		w.refuse(s, protocol.FencedInstanceID)
	}
	fresh := *old
	fresh.id, fresh.fresh = id, false
	g.replace(old, &fresh)
	if _, ok := g.pendingSync[old.id]; ok {
		delete(g.pendingSync, old.id)
		g.pendingSync[id] = struct{}{}
	}
	if before, ok := g.emptying.holding[old.id]; ok {
		delete(g.emptying.holding, old.id)
		g.emptying.holding[id] = before
	}
	if g.leader == old.id {
		g.leader = id
	}
	m.timers.Cancel(timerKey{timerSession, g.id, old.id})
	m.unbind(g)
	m.watch(s, g, &fresh)
	g.hear(s, id)
	return &fresh
}

// welcomeStatic tells a returned static member the running generation. A leader
// must not assign again: from version 9 on it is told so; before, it is told
// the leader's former id, by which it takes itself for a follower.
func (m *machine) welcomeStatic(s *step, g *group, w *joinWait, fresh *member, leaderBefore string) {
	resp := joinFailed(w.req, protocol.NoError)
	resp.MemberID, resp.LeaderID, resp.Generation = fresh.id, leaderBefore, g.generation
	protocolType, name := g.protocolType, g.protocol
	resp.ProtocolType, resp.Protocol = &protocolType, &name
	if w.req.Version >= 9 {
		resp.LeaderID = g.leader
		if g.leader == fresh.id {
			resp.SkipAssignment = true
			resp.Members = g.joinMembers()
		}
	}
	shard.Respond(&s.Turn, w.reply, resp, w.failed)
}
