package coordinator

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// classicType is how ListGroups names the only type of group there is here.
const classicType = "classic"

// DescribeGroups handles DescribeGroups, versions 0 to 6. Until version 5 a
// group that does not exist is Dead; 6 says GROUP_ID_NOT_FOUND besides. The
// caller fills in the authorized operations.
func (g *Groups) DescribeGroups(req *kmsg.DescribeGroupsRequest, reply func(*kmsg.DescribeGroupsResponse)) {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	resp.Version = req.Version
	resp.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(req.Groups))
	all := newGather(len(req.Groups), func() { reply(resp) })
	for i, id := range req.Groups {
		slot := &resp.Groups[i]
		*slot = describeDead(req.Version, id)
		end := func(code protocol.ErrorCode) {
			if code != protocol.NoError {
				*slot = kmsg.NewDescribeGroupsResponseGroup()
				slot.Group, slot.ErrorCode, slot.ErrorMessage = id, int16(code), messageOf(code, id)
			}
			all.done()
		}
		if len(id) > stringMax {
			end(protocol.InvalidGroupID)
			continue
		}
		g.post(id, func(m *machine, s *step) {
			if g := m.groups[id]; g != nil {
				*slot = g.describe()
			}
			s.answer(end)
		}, end)
	}
}

func describeDead(version int16, id string) kmsg.DescribeGroupsResponseGroup {
	d := kmsg.NewDescribeGroupsResponseGroup()
	d.Group, d.State = id, stateDead
	if version >= 6 {
		d.ErrorCode = int16(protocol.GroupIDNotFound)
		d.ErrorMessage = messageOf(protocol.GroupIDNotFound, id)
	}
	return d
}

// describe shows the protocol and the members' metadata only of a stable group.
// The assignment is shown until there is a new one: that is what the members
// work on while they rebalance.
func (g *group) describe() kmsg.DescribeGroupsResponseGroup {
	d := kmsg.NewDescribeGroupsResponseGroup()
	d.Group, d.State, d.ProtocolType = g.id, g.state.String(), g.protocolType
	stable := g.state == stateStable
	if stable {
		d.Protocol = g.protocol
	}
	for _, m := range g.order {
		dm := kmsg.DescribeGroupsResponseGroupMember{
			MemberID: m.id, InstanceID: m.instance, ClientID: m.clientID, ClientHost: m.clientHost,
			MemberAssignment: m.assignment,
		}
		if stable {
			dm.ProtocolMetadata = m.metadata(g.protocol)
		}
		d.Members = append(d.Members, dm)
	}
	return d
}

// ListGroups handles ListGroups, versions 0 to 5; 4 filters by state, 5 by
// type. Groups of shards that are not here are others' to list; one that is
// loading would be missing, so that is an error.
func (g *Groups) ListGroups(req *kmsg.ListGroupsRequest, reply func(*kmsg.ListGroupsResponse)) {
	parts := make([][]kmsg.ListGroupsResponseGroup, len(g.shards))
	codes := make([]protocol.ErrorCode, len(g.shards))
	all := newGather(len(g.shards), func() {
		resp := kmsg.NewPtrListGroupsResponse()
		resp.Version = req.Version
		resp.Groups = slices.Concat(parts...)
		for _, code := range codes {
			if code != protocol.NoError && code != protocol.NotCoordinator {
				resp.Groups, resp.ErrorCode = nil, int16(code)
				break
			}
		}
		reply(resp)
	})
	for i, sh := range g.shards {
		end := func(code protocol.ErrorCode) {
			codes[i] = code
			all.done()
		}
		sh.post(mail{run: func(m *machine, s *step) {
			parts[i] = m.list(req)
			s.answer(end)
		}, fail: end})
	}
}

func (m *machine) list(req *kmsg.ListGroupsRequest) []kmsg.ListGroupsResponseGroup {
	if len(req.TypesFilter) > 0 && !slices.ContainsFunc(req.TypesFilter, func(t string) bool {
		return strings.EqualFold(strings.TrimSpace(t), classicType)
	}) {
		return nil
	}
	var out []kmsg.ListGroupsResponseGroup
	for _, g := range m.groups {
		state := g.state.String()
		if len(req.StatesFilter) > 0 && !slices.ContainsFunc(req.StatesFilter, func(f string) bool {
			return strings.EqualFold(strings.TrimSpace(f), state)
		}) {
			continue
		}
		out = append(out, kmsg.ListGroupsResponseGroup{
			Group: g.id, ProtocolType: g.protocolType, GroupState: state, GroupType: classicType,
		})
	}
	return out
}
