package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// OffsetDelete (key 47), version 0 (KIP-496).
//
// Differs from Kafka: nothing known.
func (s *Server) offsetDelete(c *call, req *kmsg.OffsetDeleteRequest) {
	img := s.meta.Image()
	var known, unknown []kmsg.OffsetDeleteRequestTopic
	for _, t := range req.Topics {
		if _, ok := img.Topic(t.Topic); ok {
			known = append(known, t)
		} else {
			unknown = append(unknown, t)
		}
	}
	req.Topics = known
	s.groups.DeleteOffsets(req, func(resp *kmsg.OffsetDeleteResponse) {
		if c.failed(protocol.ErrorCode(resp.ErrorCode)) == 0 {
			for _, u := range unknown {
				t := kmsg.OffsetDeleteResponseTopic{Topic: u.Topic}
				for _, p := range u.Partitions {
					t.Partitions = append(t.Partitions, kmsg.OffsetDeleteResponseTopicPartition{
						Partition: p.Partition, ErrorCode: c.failed(protocol.UnknownTopicOrPartition),
					})
				}
				resp.Topics = append(resp.Topics, t)
			}
		}
		c.answer(resp)
	})
}
