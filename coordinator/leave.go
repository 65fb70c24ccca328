package coordinator

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// leavingMax bounds the members that one request removes: ten times as many as
// groups are built for.
const leavingMax = 100_000

// Leave handles LeaveGroup, versions 0 to 5. From version 3 on it removes many
// members at once, also by instance id alone (an administrator's removal); more
// than leavingMax are INVALID_REQUEST.
func (g *Groups) Leave(req *kmsg.LeaveGroupRequest, caller Caller, reply func(*kmsg.LeaveGroupResponse)) {
	failed := func(code protocol.ErrorCode) *kmsg.LeaveGroupResponse {
		resp := kmsg.NewPtrLeaveGroupResponse()
		resp.Version, resp.ErrorCode = req.Version, int16(code)
		return resp
	}
	q := question[*kmsg.LeaveGroupResponse]{req.Group, namedGroupID(req.Group), reply, failed}
	if q.refused == protocol.NoError && len(req.Members) > leavingMax {
		q.refused = protocol.InvalidRequest
	}
	q.ask(g, func(m *machine, s *step) *kmsg.LeaveGroupResponse { return m.leave(s, req, caller) })
}

func (m *machine) leave(s *step, req *kmsg.LeaveGroupRequest, caller Caller) *kmsg.LeaveGroupResponse {
	leaving := req.Members
	if req.Version < 3 {
		leaving = []kmsg.LeaveGroupRequestMember{{MemberID: req.MemberID}}
	}
	resp := kmsg.NewPtrLeaveGroupResponse()
	resp.Version = req.Version
	broadcast := m.follow(s, req.Group)
	var left []*group // by members
	for _, l := range leaving {
		code := protocol.UnknownMemberID
		g := m.groups[req.Group]
		if broadcast {
			g = m.memberGroup(s, req.Group, l.MemberID, l.InstanceID, caller)
		}
		if g != nil {
			code = m.leaveOne(s, g, l)
		}
		if code == protocol.NoError {
			left = append(left, g)
		}
		resp.Members = append(resp.Members, kmsg.LeaveGroupResponseMember{
			MemberID: l.MemberID, InstanceID: l.InstanceID, ErrorCode: int16(code),
		})
	}
	if req.Version < 3 {
		resp.ErrorCode, resp.Members = resp.Members[0].ErrorCode, nil
	}
	slices.SortFunc(left, func(a, b *group) int { return strings.Compare(a.id, b.id) })
	for _, g := range slices.Compact(left) {
		m.afterDismissal(s, g, "members left")
	}
	return resp
}

func (m *machine) leaveOne(s *step, g *group, l kmsg.LeaveGroupRequestMember) protocol.ErrorCode {
	id := l.MemberID
	reason := "it left"
	if l.Reason != nil && *l.Reason != "" {
		reason += "; it says: " + *l.Reason
	}
	if g.consumed() {
		return m.leaveMixed(s, g, l, reason)
	}
	if _, pending := g.pendingJoin[id]; !pending {
		if id == "" && l.InstanceID != nil && g.byInstance[*l.InstanceID] != nil {
			id = g.byInstance[*l.InstanceID].id
		}
		if code := g.checkMember(id, l.InstanceID); code != protocol.NoError {
			return code
		}
	}
	m.dismiss(s, g, id, protocol.UnknownMemberID, reason)
	return protocol.NoError
}
