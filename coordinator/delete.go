package coordinator

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// DeleteGroups handles DeleteGroups, versions 0 to 2 (3 carries a message).
// Only a group without members can go; its offsets go with it.
func (g *Groups) DeleteGroups(req *kmsg.DeleteGroupsRequest, reply func(*kmsg.DeleteGroupsResponse)) {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	resp.Version = req.Version
	resp.Groups = make([]kmsg.DeleteGroupsResponseGroup, len(req.Groups))
	failed := func(i int, code protocol.ErrorCode) {
		resp.Groups[i].ErrorCode, resp.Groups[i].ErrorMessage = int16(code), messageOf(code, req.Groups[i])
	}
	for i, id := range req.Groups {
		resp.Groups[i].Group = id
	}
	g.askGroups(req.Groups, func(i int, m *machine, s *step) {
		if code := m.deleteGroup(s, req.Groups[i]); code != protocol.NoError {
			failed(i, code)
		}
	}, failed, func() { reply(resp) })
}

func (m *machine) deleteGroup(s *step, id string) protocol.ErrorCode {
	parts := m.parts(s, id)
	switch {
	case len(parts) == 0:
		return protocol.GroupIDNotFound
	case slices.ContainsFunc(parts, func(g *group) bool { return !g.empty() }):
		return protocol.NonEmptyGroup
	}
	var room arena
	for _, g := range parts {
		for topic, partitions := range g.offsets {
			for partition := range partitions {
				s.record(Record{Key: room.offsetKey(g.id, topic, partition)})
				s.cut() // the group is still there: it can be deleted again
			}
		}
		s.dropPending(&room, g, anyPending)
		m.deleteEmpty(s, g)
	}
	m.unmark(s, id)
	return protocol.NoError
}

// deleteEmpty removes a group without members, after its offsets. Who was about
// to join it learns that its member id is unknown.
func (m *machine) deleteEmpty(s *step, g *group) {
	for id := range g.pendingJoin {
		m.timers.Cancel(timerKey{timerSession, g.id, id})
	}
	clear(g.pendingJoin)
	m.unbind(g)
	m.dropRewind(s, g)
	if g.consumer != nil {
		g.consumer.dissolve(s, g.id)
	} else {
		s.record(Record{Key: groupKey(g.id)})
	}
	s.event(Event{Kind: GroupDeleted, Group: g.id})
}

// DeleteOffsets handles OffsetDelete, version 0. The caller passes only topics
// and partitions that exist. A topic that members are subscribed to keeps its offsets.
func (g *Groups) DeleteOffsets(req *kmsg.OffsetDeleteRequest, reply func(*kmsg.OffsetDeleteResponse)) {
	failed := func(code protocol.ErrorCode) *kmsg.OffsetDeleteResponse {
		resp := kmsg.NewPtrOffsetDeleteResponse()
		resp.Version, resp.ErrorCode = req.Version, int16(code)
		return resp
	}
	q := question[*kmsg.OffsetDeleteResponse]{req.Group, namedGroupID(req.Group), reply, failed}
	q.ask(g, func(m *machine, s *step) *kmsg.OffsetDeleteResponse {
		resp := failed(protocol.NoError)
		m.deleteOffsets(s, req, resp)
		return resp
	})
}

func (m *machine) deleteOffsets(s *step, req *kmsg.OffsetDeleteRequest, resp *kmsg.OffsetDeleteResponse) {
	parts := m.parts(s, req.Group)
	switch {
	case len(parts) == 0:
		resp.ErrorCode = int16(protocol.GroupIDNotFound)
		return
	case slices.ContainsFunc(parts, func(g *group) bool {
		return g.consumer == nil && g.state != stateEmpty && g.protocolType != consumerType
	}):
		// What such members consume is unknown.
		resp.ErrorCode = int16(protocol.NonEmptyGroup)
		return
	}
	var room arena
	for _, topic := range req.Topics {
		used := slices.ContainsFunc(parts, func(g *group) bool { return g.consumes(topic.Topic) })
		out := kmsg.OffsetDeleteResponseTopic{Topic: topic.Topic}
		for _, p := range topic.Partitions {
			part := kmsg.OffsetDeleteResponseTopicPartition{Partition: p.Partition}
			if used {
				part.ErrorCode = int16(protocol.GroupSubscribedToTopic)
			} else {
				s.forgetOffset(&room, parts, topic.Topic, p.Partition)
			}
			out.Partitions = append(out.Partitions, part)
		}
		resp.Topics = append(resp.Topics, out)
	}
}

// forgetOffset removes what groups have committed for a partition.
func (s *step) forgetOffset(room *arena, groups []*group, topic string, partition int32) {
	for _, g := range groups {
		if _, ok := g.offsets.get(topic, partition); ok || g.isPending(topic, s.topic(topic), partition) {
			s.record(Record{Key: room.offsetKey(g.id, topic, partition)})
			s.cut()
		}
	}
}

// messageOf says in words what is wrong with a group.
func messageOf(code protocol.ErrorCode, group string) *string {
	var text string
	switch code {
	case protocol.GroupIDNotFound:
		text = fmt.Sprintf("Group %s not found.", group)
	case protocol.NonEmptyGroup:
		text = fmt.Sprintf("Group %s is not empty: it has active members.", group)
	default:
		text = code.String()
	}
	return &text
}
