package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// AddOffsetsToTxn (key 25), versions 0 to 4.
//
// Versions:
//   - v2: PRODUCER_FENCED may be answered
//   - v3: flexible
//
// Differs from Kafka: while the transaction before is being ended the request waits for
// its markers, as that of InitProducerId does.
func (s *Server) addOffsetsToTxn(c *call, req *kmsg.AddOffsetsToTxnRequest) {
	reply := func(code protocol.ErrorCode) {
		resp := kmsg.NewPtrAddOffsetsToTxnResponse()
		resp.ErrorCode = c.failed(fencedBefore(2, req.Version, code))
		c.encodeLater(resp)
	}
	if err := s.createInternal(s.offsets); err != nil {
		reply(err.Code)
		return
	}
	s.txns.AddPartitions(req.TransactionalID, producerOf(req.ProducerID, req.ProducerEpoch), s.offsetsOf(req.Group), false,
		func(code protocol.ErrorCode, _ string) { reply(code) })
}

// offsetsOf is the partition that a group's offsets are in.
func (s *Server) offsetsOf(group string) []model.TopicPartition {
	return []model.TopicPartition{{Topic: cluster.OffsetsTopic, Partition: s.groups.Shard(group)}}
}
