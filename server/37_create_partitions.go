package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// CreatePartitions (key 37), versions 0 to 3.
//
// Versions:
//   - v2: flexible
//   - v3: THROTTLING_QUOTA_EXCEEDED (KIP-599)
//
// Differs from Kafka: with one broker an assignment can only name that broker.
func (s *Server) createPartitions(c *call, req *kmsg.CreatePartitionsRequest) {
	resp := kmsg.NewPtrCreatePartitionsResponse()
	times, mutations := map[string]int{}, c.mutations(3)
	for i := range req.Topics {
		times[req.Topics[i].Topic]++
	}
	for i := range req.Topics {
		rt := &req.Topics[i]
		out := kmsg.CreatePartitionsResponseTopic{Topic: rt.Topic}
		var err *protocol.Error
		switch n := times[rt.Topic]; {
		case n == 0:
			continue // Answered by its first appearance.
		case n > 1:
			times[rt.Topic] = 0
			err = protocol.Errorf(protocol.InvalidRequest, "Topic '%s' appears more than once in the request.", rt.Topic)
		default:
			if err = s.growTopic(rt, req.ValidateOnly, mutations); err == nil && !req.ValidateOnly {
				s.done(c, "partitions created", zap.String("topic", rt.Topic), zap.Int32("now", rt.Count))
			}
		}
		if err != nil {
			out.ErrorCode, out.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
		}
		resp.Topics = append(resp.Topics, out)
	}
	c.answer(resp)
}

// growTopic checks one topic's new number of partitions and raises it.
func (s *Server) growTopic(rt *kmsg.CreatePartitionsRequestTopic, validateOnly bool, mutations mutations) *protocol.Error {
	img := s.meta.Image()
	if err := cluster.ProtectInternalTopic(rt.Topic, "add partitions to"); err != nil {
		return asError(err)
	}
	t, ok := img.Topic(rt.Topic)
	if !ok {
		return unknownTopic(rt.Topic)
	}
	now := int32(len(t.Partitions))
	switch {
	case rt.Count <= now:
		return protocol.Errorf(protocol.InvalidPartitions,
			"Topic '%s' has %d partition(s); %d is no increase, and a topic cannot shrink.", rt.Topic, now, rt.Count)
	case rt.Count > cluster.PartitionsMax:
		return protocol.Errorf(protocol.InvalidPartitions, "A topic may have at most %d partitions.", cluster.PartitionsMax)
	case rt.Assignment != nil && len(rt.Assignment) != int(rt.Count-now):
		return protocol.Errorf(protocol.InvalidReplicaAssignment,
			"The assignment names %d partitions, and %d are to be added.", len(rt.Assignment), rt.Count-now)
	}
	for _, a := range rt.Assignment {
		if len(a.Replicas) != len(t.Partitions[0].Replicas) {
			return protocol.Errorf(protocol.InvalidReplicaAssignment, "All partitions must have equally many replicas.")
		}
		for _, id := range a.Replicas {
			if _, ok := img.Broker(model.BrokerID(id)); !ok {
				return protocol.Errorf(protocol.InvalidReplicaAssignment, "Broker %d is not part of the cluster.", id)
			}
		}
	}
	if err := mutations.take(int(rt.Count - now)); err != nil || validateOnly {
		return err
	}
	return asError(s.meta.CreatePartitions(rt.Topic, rt.Count))
}
