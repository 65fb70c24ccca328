package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// FindCoordinator (key 10), versions 0 to 6.
//
// Versions:
//   - v1: coordinators of transactions, an error message
//   - v3: flexible
//   - v4: many keys in one request (KIP-699)
//   - v6: coordinators of share groups (KIP-932)
//
// Differs from Kafka: there are no coordinators of share groups.

const (
	coordinatorGroup       = 0
	coordinatorTransaction = 1
)

func (s *Server) findCoordinator(c *call, req *kmsg.FindCoordinatorRequest) {
	resp := kmsg.NewPtrFindCoordinatorResponse()
	if req.Version >= 4 {
		for _, key := range req.CoordinatorKeys {
			resp.Coordinators = append(resp.Coordinators, s.coordinator(c, req.CoordinatorType, key))
		}
		c.answer(resp)
		return
	}
	found := s.coordinator(c, req.CoordinatorType, req.CoordinatorKey)
	resp.ErrorCode, resp.ErrorMessage = found.ErrorCode, found.ErrorMessage
	resp.NodeID, resp.Host, resp.Port = found.NodeID, found.Host, found.Port
	c.answer(resp)
}

func (s *Server) coordinator(c *call, kind int8, key string) kmsg.FindCoordinatorResponseCoordinator {
	out := kmsg.FindCoordinatorResponseCoordinator{Key: key, NodeID: -1, Port: -1}
	node, err := s.coordinatorNode(c, kind, key)
	if err != nil {
		out.ErrorCode, out.ErrorMessage = c.failed(err.Code), &err.Message
		return out
	}
	out.NodeID, out.Host, out.Port = int32(node.Node), node.Host, node.Port
	return out
}

func (s *Server) coordinatorNode(c *call, kind int8, key string) (protocol.NodeEndpoint, *protocol.Error) {
	var topic *internalTopic
	var shard int32
	switch kind {
	case coordinatorGroup:
		topic, shard = s.offsets, s.groups.Shard(key)
	case coordinatorTransaction:
		topic, shard = s.state, s.txns.Shard(key)
	default:
		return protocol.NodeEndpoint{}, protocol.Errorf(protocol.InvalidRequest, "there are no coordinators of type %d here", kind)
	}
	if err := s.createInternal(topic); err != nil {
		return protocol.NodeEndpoint{}, err
	}
	img := s.meta.Image()
	if t, ok := img.Topic(topic.name); ok {
		for _, e := range s.brokers(c.conn.listener, img) {
			if int(shard) < len(t.Partitions) && e.Node == t.Partitions[shard].Leader {
				return e, nil
			}
		}
	}
	return protocol.NodeEndpoint{}, protocol.Errorf(protocol.CoordinatorNotAvailable, "the coordinator of %s %q is not there yet", topic.of, key)
}
