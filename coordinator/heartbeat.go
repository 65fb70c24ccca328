package coordinator

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Heartbeat handles Heartbeat, versions 0 to 4; 3 brought static members.
func (g *Groups) Heartbeat(req *kmsg.HeartbeatRequest, caller Caller, reply func(*kmsg.HeartbeatResponse)) {
	failed := func(code protocol.ErrorCode) *kmsg.HeartbeatResponse { return heartbeatFailed(req, code) }
	q := question[*kmsg.HeartbeatResponse]{req.Group, namedGroupID(req.Group), reply, failed}
	q.ask(g, func(m *machine, s *step) *kmsg.HeartbeatResponse { return failed(m.heartbeat(s, req, caller)) })
}

// heartbeatFailed makes a response. While a shard loads, a heartbeat is simply
// taken, as Kafka does: members get a new session afterwards anyway, and
// clients do not expect COORDINATOR_LOAD_IN_PROGRESS here.
func heartbeatFailed(req *kmsg.HeartbeatRequest, code protocol.ErrorCode) *kmsg.HeartbeatResponse {
	if code == protocol.CoordinatorLoadInProgress {
		code = protocol.NoError
	}
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.Version, resp.ErrorCode = req.Version, int16(code)
	return resp
}

func (m *machine) heartbeat(s *step, req *kmsg.HeartbeatRequest, caller Caller) protocol.ErrorCode {
	g := m.routed(s, req.Group, req.MemberID, req.InstanceID, caller)
	if g == nil {
		return protocol.UnknownMemberID
	}
	if g.consumed() {
		return m.heartbeatMixed(s, g, req)
	}
	if code := g.checkMember(req.MemberID, req.InstanceID); code != protocol.NoError {
		return code
	}
	g.hear(s, req.MemberID)
	if !g.current(req.MemberID, req.Generation) {
		return protocol.IllegalGeneration
	}
	m.watch(s, g, g.byID[req.MemberID])
	if g.state == statePreparing {
		return protocol.RebalanceInProgress
	}
	return protocol.NoError
}
