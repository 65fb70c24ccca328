package coordinator

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeGroups handles DescribeGroups, versions 0 to 6. Until version 5 a
// group that does not exist is Dead; 6 says GROUP_ID_NOT_FOUND besides. The
// caller fills in the authorized operations.
func (g *Groups) DescribeGroups(req *kmsg.DescribeGroupsRequest, reply func(*kmsg.DescribeGroupsResponse)) {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	resp.Version = req.Version
	resp.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(req.Groups))
	g.askGroups(req.Groups, func(i int, m *machine, s *step) {
		cells, ok := m.front(s, req.Groups[i])
		switch {
		case ok && frontKind(cells) == kindConsumer:
			resp.Groups[i] = describeDead(req.Version, req.Groups[i], notClassic(req.Groups[i]))
			return
		case ok:
			resp.Groups[i] = describeFront(req.Groups[i], cells)
			return
		}
		switch g := m.groups[req.Groups[i]]; {
		case g == nil:
			resp.Groups[i] = describeDead(req.Version, req.Groups[i], *messageOf(protocol.GroupIDNotFound, req.Groups[i]))
		case g.consumer != nil:
			// A tool that is told so asks by ConsumerGroupDescribe.
			resp.Groups[i] = describeDead(req.Version, g.id, notClassic(g.id))
		default:
			resp.Groups[i] = g.describe()
		}
	}, func(i int, code protocol.ErrorCode) {
		d := kmsg.NewDescribeGroupsResponseGroup()
		d.Group, d.ErrorCode, d.ErrorMessage = req.Groups[i], int16(code), messageOf(code, req.Groups[i])
		resp.Groups[i] = d
	}, func() { reply(resp) })
}

// notClassic says that a group is of another kind.
func notClassic(group string) string { return "Group " + group + " is not a classic group." }

func describeDead(version int16, id, why string) kmsg.DescribeGroupsResponseGroup {
	d := kmsg.NewDescribeGroupsResponseGroup()
	d.Group, d.State = id, stateDead
	if version >= 6 {
		d.ErrorCode = int16(protocol.GroupIDNotFound)
		d.ErrorMessage = &why
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
	parts := make([][]kmsg.ListGroupsResponseGroup, g.shards.Len())
	g.shards.Each(func(i int, m *machine, s *step) { parts[i] = m.list(s, req) }, func(code protocol.ErrorCode) {
		resp := kmsg.NewPtrListGroupsResponse()
		resp.Version, resp.ErrorCode = req.Version, int16(code)
		if code == protocol.NoError {
			resp.Groups = slices.Concat(parts...)
		}
		reply(resp)
	})
}

func (m *machine) list(s *step, req *kmsg.ListGroupsRequest) []kmsg.ListGroupsResponseGroup {
	var out []kmsg.ListGroupsResponseGroup
	add := func(id, protocolType, state string, kind groupKind) {
		if passes(req.TypesFilter, kind.String()) && passes(req.StatesFilter, state) {
			out = append(out, kmsg.ListGroupsResponseGroup{
				Group: id, ProtocolType: protocolType, GroupState: state, GroupType: kind.String(),
			})
		}
	}
	fronts := m.fronts(s)
	for base, cells := range fronts {
		add(base, frontProtocol(cells, protocolTypeOf), frontStateName(cells), frontKind(cells))
	}
	for id, g := range m.groups {
		if fronts[id] != nil {
			continue
		}
		now, protocolType := g.standing(), g.protocolType
		if now.kind == kindConsumer {
			protocolType = consumerType
		}
		add(id, protocolType, now.stateName(), now.kind)
	}
	return out
}

// passes reports whether a filter, unless it is empty, has the name.
func passes(filter []string, name string) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool {
		return strings.EqualFold(strings.TrimSpace(f), name)
	})
}
