package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
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
// Differs from Kafka: only groups have a coordinator. Who asks for a
// transactional id gets a final error with words, as a retriable one would
// keep a producer trying for ever. From version 4 on that is
// UNSUPPORTED_VERSION, of which Java shows the words; older clients take only
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED for final.

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
	switch kind {
	case coordinatorGroup:
	case coordinatorTransaction:
		err := s.noTransactions(c, key)
		if c.header.Version >= 4 {
			err.Code = protocol.UnsupportedVersion
		}
		return protocol.NodeEndpoint{}, err
	default:
		return protocol.NodeEndpoint{}, protocol.Errorf(protocol.InvalidRequest, "there are no coordinators of type %d here", kind)
	}
	if err := s.createInternal(s.offsets); err != nil {
		return protocol.NodeEndpoint{}, err
	}
	img := s.meta.Image()
	if t, ok := img.Topic(cluster.OffsetsTopic); ok {
		shard := s.groups.Shard(key)
		for _, e := range s.brokers(c.conn.listener, img) {
			if int(shard) < len(t.Partitions) && e.Node == t.Partitions[shard].Leader {
				return e, nil
			}
		}
	}
	return protocol.NodeEndpoint{}, protocol.Errorf(protocol.CoordinatorNotAvailable, "the coordinator of group %q is not there yet", key)
}
