package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeTopicPartitions (key 75), version 0 (KIP-966).
//
// Topics come in name order; an answer holds at most as many partitions as
// asked (and as max.request.partition.size.limit), and a cursor says where the
// next one starts. No topics named means all.
//
// Differs from Kafka: there are no eligible leader replicas yet; the lists are
// empty.
func (s *Server) describeTopicPartitions(c *call, req *kmsg.DescribeTopicPartitionsRequest) {
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	img := s.meta.Image()
	names := topicNames(img, req)
	room := s.settings.fixed.describePartitions
	if limit := req.ResponsePartitionLimit; limit > 0 {
		room = min(room, limit)
	}
	if req.Cursor != nil {
		if !cursorFits(req) {
			refuseCursor(c, req)
			return
		}
		i, _ := slices.BinarySearch(names, req.Cursor.Topic)
		names = names[i:]
	}
	for _, name := range names {
		from := int32(0)
		if req.Cursor != nil && name == req.Cursor.Topic {
			from = req.Cursor.Partition
		}
		if room == 0 {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: from}
			break
		}
		t, ok := img.Topic(name)
		if !ok {
			resp.Topics = append(resp.Topics, unknownDescribed(c, name))
			continue
		}
		d := s.describeTopic(t, from, room)
		resp.Topics = append(resp.Topics, d)
		room -= int32(len(d.Partitions))
		if next := from + int32(len(d.Partitions)); int(next) < len(t.Partitions) {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: next}
			break
		}
	}
	c.answer(resp)
}

// cursorFits reports whether a request's cursor can be of the answer before it: a
// partition of a topic that is asked for, be it there or not.
func cursorFits(req *kmsg.DescribeTopicPartitionsRequest) bool {
	if req.Cursor.Partition < 0 {
		return false
	}
	return len(req.Topics) == 0 || slices.ContainsFunc(req.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == req.Cursor.Topic })
}

// refuseCursor gives each topic as it was asked for an error. The answer has no other
// place for one: who asks for all topics is told of none.
func refuseCursor(c *call, req *kmsg.DescribeTopicPartitionsRequest) {
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	for i := range req.Topics {
		t := kmsg.NewDescribeTopicPartitionsResponseTopic()
		t.Topic, t.ErrorCode = &req.Topics[i].Topic, c.failed(protocol.InvalidRequest)
		resp.Topics = append(resp.Topics, t)
	}
	c.answer(resp)
}

// topicNames are the topics that are asked for, in name order, each once.
func topicNames(img *cluster.Image, req *kmsg.DescribeTopicPartitionsRequest) []string {
	var names []string
	for i := range req.Topics {
		names = append(names, req.Topics[i].Topic)
	}
	if len(req.Topics) == 0 {
		for _, t := range img.TopicsByName() {
			names = append(names, t.Name)
		}
		return names
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func unknownDescribed(c *call, name string) kmsg.DescribeTopicPartitionsResponseTopic {
	t := kmsg.NewDescribeTopicPartitionsResponseTopic()
	t.Topic, t.ErrorCode = &name, c.failed(unknownTopic(name).Code)
	t.AuthorizedOperations = operationsOfTopics
	return t
}

func (s *Server) describeTopic(t *cluster.Topic, from, room int32) kmsg.DescribeTopicPartitionsResponseTopic {
	out := kmsg.NewDescribeTopicPartitionsResponseTopic()
	out.Topic, out.TopicID, out.IsInternal = &t.Name, t.ID, t.Internal
	out.AuthorizedOperations = operationsOfTopics
	for i := int(from); i < len(t.Partitions) && i < int(from)+int(room); i++ {
		p := &t.Partitions[i]
		d := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		d.Partition, d.LeaderID, d.LeaderEpoch = p.Index, int32(p.Leader), int32(s.partitions.LeaderEpoch(p))
		d.Replicas, d.ISR = brokerIDs(p.Replicas), brokerIDs(p.ISR)
		d.EligibleLeaderReplicas, d.LastKnownELR, d.OfflineReplicas = []int32{}, []int32{}, []int32{}
		out.Partitions = append(out.Partitions, d)
	}
	return out
}
