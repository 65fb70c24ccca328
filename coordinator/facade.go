package coordinator

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Tools see a broadcast group under its own name as one group with all members,
// and beside it each member's cell, with the offsets and the lag of that member.

// front is the broadcast group of that name as tools are shown it; false if it is
// not one, or nobody has been in it yet.
func (m *machine) front(s *step, id string) ([]*group, bool) {
	if !m.inForce(s, id) {
		return nil, false
	}
	cells := m.facades[id].sorted()
	return cells, len(cells) > 0
}

// uncast reports whether a group is a broadcast group that nobody has been in yet,
// so that it is shown as it is. It does not look whether there are cells.
func (g *group) uncast(s *step) bool { return !g.cell && g.idle() && s.rules(g.id).Broadcast }

// fronts are all broadcast groups that somebody has been in, with their cells.
func (m *machine) fronts(s *step) map[string][]*group {
	out := map[string][]*group{}
	for _, base := range slices.Sorted(maps.Keys(m.facades)) {
		if cells, ok := m.front(s, base); ok {
			out[base] = cells
		}
	}
	return out
}

// frontState is Stable as soon as one member works: the others do not hold it up.
func frontState(cells []*group) groupState {
	state := stateEmpty
	for _, cell := range cells {
		if cell.consumer != nil {
			switch cell.consumer.state() {
			case consumerStable:
				return stateStable
			case consumerAssigning, consumerReconciling:
				state = statePreparing
			case consumerEmpty, consumerStateCount:
			}
			continue
		}
		switch cell.state {
		case stateStable:
			return stateStable
		case statePreparing, stateCompleting:
			state = statePreparing
		case stateEmpty, stateCount:
		}
	}
	return state
}

// frontProtocol is what the members have in common; "" if there is nothing.
func frontProtocol(cells []*group, of func(*group) string) string {
	common, first := "", true
	for _, cell := range cells {
		switch name := of(cell); {
		case name == "": // nobody is in it
		case first:
			common, first = name, false
		case common != name:
			return ""
		}
	}
	return common
}

func protocolTypeOf(g *group) string {
	if g.consumer != nil {
		return consumerType
	}
	return g.protocolType
}

func protocolOf(g *group) string { return g.protocol }

func describeFront(id string, cells []*group) kmsg.DescribeGroupsResponseGroup {
	d := kmsg.NewDescribeGroupsResponseGroup()
	state := frontState(cells)
	d.Group, d.State, d.ProtocolType = id, state.String(), frontProtocol(cells, protocolTypeOf)
	if state == stateStable {
		d.Protocol = frontProtocol(cells, protocolOf)
	}
	for _, cell := range cells {
		d.Members = append(d.Members, cell.describe().Members...)
	}
	return d
}

// inspectFront shows the members of all cells and the lowest of their offsets.
func (m *machine) inspectFront(s *step, id string, cells []*group) GroupView {
	v := GroupView{
		ID: id, Kind: frontKind(cells).String(), State: frontStateName(cells),
		ProtocolType: frontProtocol(cells, protocolTypeOf), Protocol: frontProtocol(cells, protocolOf),
		Members: []MemberView{}, Broadcast: true,
	}
	v.show(m.overview(s, id, cells, nil).showOffsets(s))
	for _, cell := range cells {
		one := m.inspect(s, cell)
		v.Cells = append(v.Cells, one)
		v.Members = append(v.Members, one.Members...)
		v.Newcomers += one.Newcomers
		v.Pending = append(v.Pending, one.Pending...)
		v.Blockers = append(v.Blockers, one.Blockers...)
		if one.Since.After(v.Since) {
			v.Since = one.Since
		}
	}
	return v
}

// parts are the groups that a name stands for when it is deleted: the group, and
// of a broadcast group all members' cells.
func (m *machine) parts(s *step, id string) []*group {
	var parts []*group
	if m.follow(s, id) {
		parts = m.facades[id].sorted()
	}
	if g := m.groups[id]; g != nil {
		parts = append(parts, g)
	}
	return slices.Clip(parts)
}
