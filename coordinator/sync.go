package coordinator

import (
	"bytes"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Sync handles SyncGroup, versions 0 to 5. Followers wait for the leader, whose
// request brings the assignment. Version 3 brought static members, 5 the
// protocol type and name, which must be the group's.
func (g *Groups) Sync(req *kmsg.SyncGroupRequest, caller Caller, reply func(*kmsg.SyncGroupResponse)) {
	w := &syncWait{req: req, reply: reply}
	q := question[*kmsg.SyncGroupResponse]{req.Group, namedGroupID(req.Group), reply, w.failed}
	if q.refused == protocol.NoError && req.Version >= 5 && (req.ProtocolType == nil || req.Protocol == nil) {
		q.refused = protocol.InconsistentGroupProtocol
	}
	q.post(g, func(m *machine, s *step) { m.sync(s, w, caller) })
}

// syncFailed makes an error response. What was lost with a shard is the running
// rebalance, so the member has to join again; older clients take
// COORDINATOR_LOAD_IN_PROGRESS here for fatal, and say so to their user.
func syncFailed(req *kmsg.SyncGroupRequest, code protocol.ErrorCode) *kmsg.SyncGroupResponse {
	if code == protocol.CoordinatorLoadInProgress {
		code = protocol.RebalanceInProgress
	}
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.Version, resp.ErrorCode, resp.MemberAssignment = req.Version, int16(code), []byte{}
	return resp
}

func (w *syncWait) refuse(s *step, code protocol.ErrorCode) {
	shard.Respond(&s.Turn, w.reply, w.failed(code), w.failed)
}

// accept answers with the member's assignment.
func (w *syncWait) accept(s *step, g *group, member *member) {
	resp := w.failed(protocol.NoError)
	protocolType, name := g.protocolType, g.protocol
	resp.ProtocolType, resp.Protocol = &protocolType, &name
	if member.assignment != nil {
		resp.MemberAssignment = member.assignment
	}
	shard.Respond(&s.Turn, w.reply, resp, w.failed)
}

func (m *machine) sync(s *step, w *syncWait, caller Caller) {
	req := w.req
	g := m.routed(s, req.Group, req.MemberID, req.InstanceID, caller)
	if g != nil && g.consumed() {
		m.syncMixed(s, w, g)
		return
	}
	if g == nil || g.state == stateEmpty {
		w.refuse(s, protocol.UnknownMemberID)
		return
	}
	if code := g.checkSync(req); code != protocol.NoError {
		w.refuse(s, code)
		return
	}
	member := g.byID[req.MemberID]
	g.hear(s, req.MemberID)
	g.fetchDue = s.Now
	switch g.state {
	case statePreparing:
		if g.mayOwn(member.id) {
			w.accept(s, g, member) // that it owns nothing, whatever comes next
			m.gaveUp(s, g, member.id)
			return
		}
		w.refuse(s, protocol.RebalanceInProgress)
	case stateCompleting:
		if before := member.takeSync(); before != nil {
			before.refuse(s, protocol.RebalanceInProgress)
		}
		member.sync = w
		m.synced(g, member)
		switch {
		case g.leader != member.id:
		case assignedBytes(req) > s.config.GroupBytesMax:
			// As Kafka does when the record is larger than its topic allows.
			member.takeSync().refuse(s, protocol.UnknownServerError)
			m.rebalance(s, g, "the assignment of leader "+member.id+" is too large to be stored")
		default:
			m.stabilize(s, g, req)
		}
	case stateStable:
		m.synced(g, member)
		w.accept(s, g, member)
		m.gaveUp(s, g, member.id)
	case stateEmpty, stateCount: // answered above
	}
}

// assignedBytes is what the leader's assignment takes.
func assignedBytes(req *kmsg.SyncGroupRequest) int {
	n := 0
	for i := range req.GroupAssignment {
		n += len(req.GroupAssignment[i].MemberAssignment)
	}
	return n
}

func (g *group) checkSync(req *kmsg.SyncGroupRequest) protocol.ErrorCode {
	if code := g.checkMember(req.MemberID, req.InstanceID); code != protocol.NoError {
		return code
	}
	switch {
	case !g.current(req.MemberID, req.Generation):
		return protocol.IllegalGeneration
	case req.ProtocolType != nil && *req.ProtocolType != g.protocolType,
		req.Protocol != nil && *req.Protocol != g.protocol:
		return protocol.InconsistentGroupProtocol
	}
	return protocol.NoError
}

// synced notes that the member asked for its assignment.
func (m *machine) synced(g *group, member *member) {
	delete(g.pendingSync, member.id)
	if len(g.pendingSync) == 0 {
		m.timers.Cancel(timerKey{timerSync, g.id, ""})
	}
}

// stabilize stores the leader's assignment and hands it out. Nobody sees it
// before it is stored: answers wait for the records of their step. A member
// that the leader forgot gets nothing to do.
func (m *machine) stabilize(s *step, g *group, req *kmsg.SyncGroupRequest) {
	for _, member := range g.order {
		member.assignment = nil
	}
	for _, a := range req.GroupAssignment {
		if member := g.byID[a.MemberID]; member != nil {
			member.assignment = bytes.Clone(a.MemberAssignment)
		}
	}
	m.transition(s, g, stateStable)
	s.record(groupRecord(g.id, g.snapshot()))
	s.event(Event{Kind: GroupStabilized, Group: g.id, Generation: g.generation, Members: len(g.order)})
	for _, member := range g.order {
		if w := member.takeSync(); w != nil {
			w.accept(s, g, member)
			m.watch(s, g, member)
		}
	}
}
