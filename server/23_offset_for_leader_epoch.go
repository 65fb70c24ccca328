package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// OffsetForLeaderEpoch (key 23), versions 0 to 4.
//
// Versions:
//   - v1: the epoch in the answer
//   - v2: the client's current leader epoch (KIP-320); librdkafka asks exactly this
//   - v3: replica id
//   - v4: flexible
//
// Differs from Kafka: Kafka 4 no longer has versions 0 and 1, which only brokers sent.
func (s *Server) offsetForLeaderEpoch(c *call, req *kmsg.OffsetForLeaderEpochRequest) {
	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	for i := range req.Topics {
		t := kmsg.OffsetForLeaderEpochResponseTopic{Topic: req.Topics[i].Topic}
		for _, rp := range req.Topics[i].Partitions {
			p := kmsg.OffsetForLeaderEpochResponseTopicPartition{Partition: rp.Partition, LeaderEpoch: -1, EndOffset: -1}
			part, err := s.partitions.Find(t.Topic, rp.Partition)
			if err == nil {
				end, endErr := part.EpochEnd(model.LeaderEpoch(rp.LeaderEpoch), model.LeaderEpoch(rp.CurrentLeaderEpoch))
				if err = endErr; err == nil {
					p.LeaderEpoch, p.EndOffset = int32(end.Epoch), int64(end.End)
				}
			}
			if err != nil {
				p.ErrorCode = c.failed(err.Code)
			}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	c.answer(resp)
}
