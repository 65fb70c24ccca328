package coordinator

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broadcast group with members of the consumer protocol is a consumer group to
// tools, also if it has members of the classic one besides: those are what such a
// group may have in any mode.

// frontKind is by which protocol tools have to ask for a broadcast group: that of
// the members at work, or of those that were.
func frontKind(cells []*group) groupKind {
	if slices.ContainsFunc(either(working(cells), cells), func(cell *group) bool { return cell.consumer != nil }) {
		return kindConsumer
	}
	return kindClassic
}

// frontStateName is Kafka's name of the state, as it is for groups of that kind.
func frontStateName(cells []*group) string {
	state := frontState(cells)
	if frontKind(cells) == kindConsumer && state == statePreparing {
		return consumerReconciling.String()
	}
	return state.String()
}

// describeConsumerFront shows the members of all cells. The group has no epoch of
// its own; what is shown is the highest of the cells'.
func describeConsumerFront(s *step, id string, cells []*group) kmsg.ConsumerGroupDescribeResponseGroup {
	d := kmsg.NewConsumerGroupDescribeResponseGroup()
	d.Group, d.State = id, frontStateName(cells)
	for _, cell := range cells {
		if cell.consumer == nil {
			d.Members = append(d.Members, cell.describeAsConsumers(s)...)
			continue
		}
		one := cell.describeConsumer(s)
		d.Epoch, d.AssignmentEpoch = max(d.Epoch, one.Epoch), max(d.AssignmentEpoch, one.AssignmentEpoch)
		d.Members = append(d.Members, one.Members...)
		if d.AssignorName == "" || len(one.Members) > 0 {
			d.AssignorName = one.AssignorName
		}
	}
	return d
}

// describeAsConsumers shows the members of a classic group as those of a consumer
// group that use the classic protocol.
func (g *group) describeAsConsumers(s *step) []kmsg.ConsumerGroupDescribeResponseGroupMember {
	var out []kmsg.ConsumerGroupDescribeResponseGroupMember
	for _, member := range g.order {
		view := MemberView{Consumes: g.protocolType == consumerType, Metadata: member.shown(g.protocol), Given: member.assignment}
		dm := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		dm.MemberID, dm.MemberEpoch, dm.MemberType = member.id, g.generation, memberTypeClassic
		dm.InstanceID, dm.ClientID, dm.ClientHost = member.instance, member.clientID, member.clientHost
		dm.SubscribedTopics, _ = view.Subscription()
		given, _ := view.Assignment()
		dm.Assignment = describedSet(s.view, partitionsOf(s.view, given))
		dm.TargetAssignment = dm.Assignment
		out = append(out, dm)
	}
	return out
}
