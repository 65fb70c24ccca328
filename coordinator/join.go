package coordinator

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Join handles JoinGroup, versions 0 to 9. The answer may take as long as the
// rebalance does. Version 4 made new members ask twice (the first answer gives
// them their id), 5 brought static members, 7 the protocol type, 8 a reason,
// 9 the hint to a static leader that nothing is to be assigned.
func (g *Groups) Join(req *kmsg.JoinGroupRequest, caller Caller, reply func(*kmsg.JoinGroupResponse)) {
	w := &joinWait{req: req, reply: reply}
	q := question[*kmsg.JoinGroupResponse]{req.Group, namedGroupID(req.Group), reply, w.failed}
	config := g.config()
	session := time.Duration(req.SessionTimeoutMillis) * time.Millisecond
	_, cell := baseOf(req.Group)
	switch {
	case q.refused != protocol.NoError: // as it is
	case cell:
		// The names of cells are the coordinator's to give.
		q.refused = protocol.InvalidGroupID
	case session < config.SessionTimeoutMin || session > config.SessionTimeoutMax:
		q.refused = protocol.InvalidSessionTimeout
	case !joinFits(req, caller):
		q.refused = protocol.InvalidRequest
	}
	q.post(g, func(m *machine, s *step) { m.join(s, w, caller) })
}

// joinFits refuses strings that a group record could not hold: flexible
// versions can carry longer ones than the record's format. A member id begins
// with the client or the instance id.
func joinFits(req *kmsg.JoinGroupRequest, caller Caller) bool {
	const suffixMax = 64
	for _, p := range req.Protocols {
		if len(p.Name) > stringMax {
			return false
		}
	}
	return len(req.ProtocolType) <= stringMax && len(req.MemberID) <= stringMax &&
		len(deref(req.InstanceID))+suffixMax <= stringMax && len(caller.ClientID)+suffixMax <= stringMax &&
		len(caller.ClientHost) <= stringMax
}

func joinFailed(req *kmsg.JoinGroupRequest, code protocol.ErrorCode) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.Version, resp.ErrorCode, resp.MemberID = req.Version, int16(code), req.MemberID
	return resp
}

// refuse answers a JoinGroup with an error and the member id that it names.
func (w *joinWait) refuse(s *step, code protocol.ErrorCode, memberID string) {
	w.refused = code != protocol.MemberIDRequired
	resp := joinFailed(w.req, code)
	resp.MemberID = memberID
	shard.Respond(&s.Turn, w.reply, resp, w.failed)
}

// accept answers a JoinGroup with the generation.
func (w *joinWait) accept(s *step, g *group, m *member) {
	resp := joinFailed(w.req, protocol.NoError)
	resp.MemberID, resp.LeaderID, resp.Generation = m.id, g.leader, g.generation
	protocolType, name := g.protocolType, g.protocol
	resp.ProtocolType, resp.Protocol = &protocolType, &name
	if g.leader == m.id {
		resp.Members = g.joinMembers()
	}
	shard.Respond(&s.Turn, w.reply, resp, w.failed)
}

func (m *machine) join(s *step, w *joinWait, caller Caller) {
	req := w.req
	id, code := m.seat(s, req, caller)
	if code != protocol.NoError {
		w.refuse(s, code, req.MemberID)
		return
	}
	req.Group = id
	m.joinGroup(s, w, caller)
	// Whoever is in a cell now is the caller, unless it claimed to be somebody or
	// was turned away.
	if g := m.groups[id]; g != nil && g.cell && !g.idle() && !w.refused && (req.MemberID == "" || g.knows(req.MemberID)) {
		m.bind(s, caller.Session, g)
	}
}

func (m *machine) joinGroup(s *step, w *joinWait, caller Caller) {
	req, offers := w.req, protocolsOf(w.req)
	g := m.groups[req.Group]
	if g != nil && g.consumed() {
		m.joinMixed(s, w, g, caller, offers)
		return
	}
	if g == nil || g.consumer != nil {
		if req.MemberID != "" {
			w.refuse(s, protocol.UnknownMemberID, req.MemberID)
			return
		}
		// All that can refuse it comes before the first record.
		if req.ProtocolType == "" || len(offers) == 0 {
			w.refuse(s, protocol.InconsistentGroupProtocol, "")
			return
		}
		if bytesOf(offers) > s.config.GroupBytesMax {
			w.refuse(s, protocol.GroupMaxSizeReached, "")
			return
		}
		if g != nil {
			m.dropRewind(s, g)
			g.consumer.dissolve(s, g.id) // an empty group is of its next member's kind
			m.apply(s)
		}
		g = m.obtain(req.Group)
		g.since = s.wall()
		s.record(groupRecord(g.id, g.snapshot()))
		m.scheduleExpiry(s)
	}
	switch {
	case !g.admits(req, s.config.MembersMax), !g.holds(req, offers, s.config.GroupBytesMax):
		m.turnAway(s, g, w)
	case !g.supports(req.ProtocolType, offers):
		w.refuse(s, protocol.InconsistentGroupProtocol, req.MemberID)
	case req.MemberID == "":
		m.joinNew(s, g, w, caller, offers)
	default:
		m.joinKnown(s, g, w, caller, offers)
	}
}

// admits applies group.max.size. While a rebalance is prepared only those count
// that have joined, so that a group above a lowered limit loses its slowest. A
// static member that comes back takes its own place (Kafka refuses it in a full
// group until its former session has ended).
func (g *group) admits(req *kmsg.JoinGroupRequest, most int) bool {
	known := g.byID[req.MemberID]
	if req.MemberID == "" && req.InstanceID != nil {
		known = g.byInstance[*req.InstanceID]
	}
	switch g.state {
	case statePreparing:
		return known != nil && known.join != nil || g.awaitingJoin < most
	case stateCompleting, stateStable:
		return known != nil || len(g.order) < most
	case stateEmpty, stateCount:
	}
	return true
}

// holds reports whether what the member offers still fits in the group's record.
func (g *group) holds(req *kmsg.JoinGroupRequest, offers []offer, most int) bool {
	n := g.offerBytes + bytesOf(offers)
	if known := g.byID[req.MemberID]; known != nil {
		n -= bytesOf(known.protocols)
	}
	return n <= most
}

// turnAway refuses a member for which there is no room, and takes it out of a
// rebalance that would otherwise wait for it.
func (m *machine) turnAway(s *step, g *group, w *joinWait) {
	id := w.req.MemberID
	w.refuse(s, protocol.GroupMaxSizeReached, "")
	if id == "" {
		return
	}
	const reason = "the group is full: group.max.size, or what its members say together"
	worked := g.byID[id] != nil
	m.dismiss(s, g, id, protocol.GroupMaxSizeReached, reason)
	if worked { // others take over what it had
		m.afterDismissal(s, g, reason)
		return
	}
	m.completeIfAllJoined(s, g)
}

func (m *machine) joinNew(s *step, g *group, w *joinWait, caller Caller, offers []offer) {
	req := w.req
	if req.InstanceID != nil {
		id := *req.InstanceID + "-" + s.suffix()
		if old := g.byInstance[*req.InstanceID]; old != nil {
			m.replaceStatic(s, g, w, old, id, offers)
			return
		}
		m.admit(s, g, w, newMember(id, req, caller, offers))
		return
	}
	id := caller.ClientID + "-" + s.suffix()
	if req.Version < 4 {
		m.admit(s, g, w, newMember(id, req, caller, offers))
		return
	}
	// A client that gives up before it learns its id would leave a member
	// behind; so it is one only when it comes back with the id.
	g.expect(id)
	m.timers.Set(timerKey{timerSession, g.id, id}, s.in(req.SessionTimeoutMillis))
	w.refuse(s, protocol.MemberIDRequired, id)
}

func (m *machine) joinKnown(s *step, g *group, w *joinWait, caller Caller, offers []offer) {
	req := w.req
	if _, ok := g.pendingJoin[req.MemberID]; ok && req.InstanceID == nil {
		m.admit(s, g, w, newMember(req.MemberID, req, caller, offers))
		return
	}
	if code := g.checkMember(req.MemberID, req.InstanceID); code != protocol.NoError {
		w.refuse(s, code, req.MemberID)
		return
	}
	known := g.byID[req.MemberID]
	g.hear(s, known.id)
	switch g.state {
	case statePreparing:
		m.rejoin(s, g, w, known, offers, "member "+known.id+" joins again")
	case stateCompleting:
		if known.same(offers) {
			// The first answer may not have reached it.
			w.accept(s, g, known)
			return
		}
		m.rejoin(s, g, w, known, offers, "member "+known.id+" changed its metadata")
	case stateStable:
		switch {
		case g.leader == known.id:
			// The leader sees what members do not say, such as new partitions.
			m.rejoin(s, g, w, known, offers, "leader "+known.id+" joins again")
		case !known.same(offers):
			m.rejoin(s, g, w, known, offers, "member "+known.id+" changed its metadata")
		default:
			w.accept(s, g, known)
		}
	case stateEmpty, stateCount:
		w.refuse(s, protocol.UnknownMemberID, req.MemberID)
	}
}

// checkMember finds out whether the caller is who it says.
func (g *group) checkMember(id string, instance *string) protocol.ErrorCode {
	if instance != nil {
		static := g.byInstance[*instance]
		if static == nil {
			return protocol.UnknownMemberID
		}
		if static.id != id {
			return protocol.FencedInstanceID
		}
	}
	if g.byID[id] == nil {
		return protocol.UnknownMemberID
	}
	return protocol.NoError
}

// admit adds a member and starts a rebalance.
func (m *machine) admit(s *step, g *group, w *joinWait, fresh *member) {
	if len(g.order) == 0 {
		g.protocolType = w.req.ProtocolType
	}
	fresh.join = w
	g.add(fresh)
	g.hear(s, fresh.id)
	delete(g.pendingJoin, fresh.id)
	if g.leader == "" {
		g.leader = fresh.id
	}
	g.initial.joined = true
	m.timers.Set(timerKey{timerSession, g.id, fresh.id}, s.Now.Add(s.config.JoinTimeout))
	m.rebalance(s, g, "member "+fresh.id+" joins"+reasonOf(w.req))
}

// rejoin lets a known member wait for the next generation.
func (m *machine) rejoin(s *step, g *group, w *joinWait, known *member, offers []offer, why string) {
	m.update(s, g, w, known, offers)
	m.rebalance(s, g, why+reasonOf(w.req))
}

func (m *machine) update(s *step, g *group, w *joinWait, known *member, offers []offer) {
	if known.behind != 0 {
		renumber(offers, known.behind, g.generation)
	}
	g.change(known, offers)
	known.rebalanceTimeout, known.sessionTimeout = rebalanceTimeoutOf(w.req), w.req.SessionTimeoutMillis
	if before := g.park(known, w); before != nil {
		before.refuse(s, protocol.RebalanceInProgress, known.id)
	}
}

func reasonOf(req *kmsg.JoinGroupRequest) string {
	if req.Reason == nil || *req.Reason == "" {
		return ""
	}
	return "; it says: " + *req.Reason
}
