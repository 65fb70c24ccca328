package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// ElectLeaders (key 43), versions 0 to 2.
//
// Versions:
//   - v1: unclean elections, and an error of the whole answer (KIP-460)
//   - v2: flexible
//
// With one broker each partition is led by the only replica that it has, so
// that no election is ever needed; the answer says so partition by partition.
//
// Differs from Kafka: who asks for all partitions is told of none, where Kafka
// names all topics without partitions.
func (s *Server) electLeaders(c *call, req *kmsg.ElectLeadersRequest) {
	resp := kmsg.NewPtrElectLeadersResponse()
	resp.Topics = []kmsg.ElectLeadersResponseTopic{}
	known := req.ElectionType == electPreferred || req.ElectionType == electUnclean
	if !known {
		resp.ErrorCode = c.failed(protocol.InvalidRequest)
	}
	img := s.meta.Image()
	for i := range req.Topics {
		asked := &req.Topics[i]
		out := kmsg.ElectLeadersResponseTopic{Topic: asked.Topic}
		t, _ := img.Topic(asked.Topic)
		for _, index := range asked.Partitions {
			err := protocol.Errorf(protocol.InvalidRequest, "There are elections of type 0 (preferred) and 1 (unclean), and none of type %d.", req.ElectionType)
			if known {
				err = electable(t, asked.Topic, index)
			}
			out.Partitions = append(out.Partitions, kmsg.ElectLeadersResponseTopicPartition{
				Partition: index, ErrorCode: c.failed(err.Code), ErrorMessage: &err.Message,
			})
		}
		resp.Topics = append(resp.Topics, out)
	}
	c.answer(resp)
}

// The kinds of elections.
const (
	electPreferred = 0
	electUnclean   = 1
)

// electable says why a partition has no election; t is nil if there is no such topic.
func electable(t *cluster.Topic, name string, index int32) *protocol.Error {
	if err := noPartition(t, name, index); err != nil {
		return err
	}
	return protocol.Errorf(protocol.ElectionNotNeeded,
		"Broker %d leads partition %d of topic '%s' already, and has its only replica.", t.Partitions[index].Leader, index, name)
}

// noPartition is the error where there is no such partition; t is nil if there
// is no such topic.
func noPartition(t *cluster.Topic, name string, index int32) *protocol.Error {
	switch {
	case t == nil:
		return unknownTopic(name)
	case index < 0 || int(index) >= len(t.Partitions):
		return protocol.Errorf(protocol.UnknownTopicOrPartition, "topic %q has %d partition(s), and no partition %d", name, len(t.Partitions), index)
	}
	return nil
}
