package coordinator

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// The member types of ConsumerGroupDescribe.
const (
	memberTypeClassic  = 0
	memberTypeConsumer = 1
)

// DescribeConsumerGroups handles ConsumerGroupDescribe, versions 0 and 1, which
// brought the members' types. The caller fills in the authorized operations.
func (g *Groups) DescribeConsumerGroups(req *kmsg.ConsumerGroupDescribeRequest, reply func(*kmsg.ConsumerGroupDescribeResponse)) {
	resp := kmsg.NewPtrConsumerGroupDescribeResponse()
	resp.Version = req.Version
	resp.Groups = make([]kmsg.ConsumerGroupDescribeResponseGroup, len(req.Groups))
	failed := func(i int, code protocol.ErrorCode, why *string) {
		d := kmsg.NewConsumerGroupDescribeResponseGroup()
		d.Group, d.ErrorCode, d.ErrorMessage = req.Groups[i], int16(code), why
		resp.Groups[i] = d
	}
	g.askGroups(req.Groups, func(i int, m *machine, s *step) {
		if cells, ok := m.front(s, req.Groups[i]); ok {
			if frontKind(cells) != kindConsumer {
				failed(i, protocol.GroupIDNotFound, notConsumer(req.Groups[i]))
				return
			}
			resp.Groups[i] = describeConsumerFront(s, req.Groups[i], cells)
			return
		}
		switch g := m.groups[req.Groups[i]]; {
		case g == nil:
			failed(i, protocol.GroupIDNotFound, messageOf(protocol.GroupIDNotFound, req.Groups[i]))
		case g.consumer == nil:
			failed(i, protocol.GroupIDNotFound, notConsumer(g.id))
		default:
			resp.Groups[i] = g.describeConsumer(s)
		}
	}, func(i int, code protocol.ErrorCode) {
		failed(i, code, messageOf(code, req.Groups[i]))
	}, func() { reply(resp) })
}

func (g *group) describeConsumer(s *step) kmsg.ConsumerGroupDescribeResponseGroup {
	c := g.consumer
	d := kmsg.NewConsumerGroupDescribeResponseGroup()
	d.Group, d.State = g.id, c.state().String()
	d.Epoch, d.AssignmentEpoch, d.AssignorName = c.epoch, c.assignmentEpoch, c.assignor(s, g.id)
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		member := c.members[id]
		dm := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		dm.MemberID, dm.MemberEpoch = id, member.current.epoch
		dm.InstanceID, dm.RackID = member.meta.instance, member.meta.rack
		dm.ClientID, dm.ClientHost = member.meta.clientID, member.meta.clientHost
		pattern := deref(member.meta.regex) // of none Kafka shows an empty one
		dm.SubscribedTopics, dm.SubscribedTopicRegex = member.meta.topics, &pattern
		dm.Assignment = describedSet(s.view, member.current.assigned)
		dm.TargetAssignment = describedSet(s.view, c.targets[id])
		dm.MemberType = memberTypeConsumer
		if member.meta.classic != nil {
			dm.MemberType = memberTypeClassic
		}
		d.Members = append(d.Members, dm)
	}
	return d
}

// describedSet shows a set with the names of its topics. Those that were
// deleted have none and are left out.
func describedSet(v View, set partitions) kmsg.Assignment {
	var a kmsg.Assignment
	for _, id := range set.topics() {
		if t, ok := v.TopicByID(id); ok {
			a.TopicPartitions = append(a.TopicPartitions, kmsg.AssignmentTopicPartition{
				TopicID: id, Topic: t.Name, Partitions: set[id],
			})
		}
	}
	return a
}
