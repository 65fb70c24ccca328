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
	g.askGroups(req.Groups, func(i int, m *machine, _ *step) {
		if g := m.groups[req.Groups[i]]; g != nil {
			resp.Groups[i] = g.describe()
			return
		}
		resp.Groups[i] = describeDead(req.Version, req.Groups[i])
	}, func(i int, code protocol.ErrorCode) {
		d := kmsg.NewDescribeGroupsResponseGroup()
		d.Group, d.ErrorCode, d.ErrorMessage = req.Groups[i], int16(code), messageOf(code, req.Groups[i])
		resp.Groups[i] = d
	}, func() { reply(resp) })
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
	g.askShards(func(i int, m *machine, _ *step) { parts[i] = m.list(req) }, func(code protocol.ErrorCode) {
		resp := kmsg.NewPtrListGroupsResponse()
		resp.Version, resp.ErrorCode = req.Version, int16(code)
		if code == protocol.NoError {
			resp.Groups = slices.Concat(parts...)
		}
		reply(resp)
	})
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
