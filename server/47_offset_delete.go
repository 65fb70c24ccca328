package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// OffsetDelete (key 47), version 0 (KIP-496).
//
// Differs from Kafka: nothing known.
func (s *Server) offsetDelete(c *call, req *kmsg.OffsetDeleteRequest) {
	img := s.meta.Image()
	var known, unknown []kmsg.OffsetDeleteRequestTopic
	for _, rt := range req.Topics {
		t, ok := img.Topic(rt.Topic)
		if !ok {
			unknown = append(unknown, rt)
			continue
		}
		here, gone := rt, rt
		here.Partitions, gone.Partitions = nil, nil
		for _, p := range rt.Partitions {
			if hasPartition(t, p.Partition) {
				here.Partitions = append(here.Partitions, p)
			} else {
				gone.Partitions = append(gone.Partitions, p)
			}
		}
		known = append(known, here)
		if len(gone.Partitions) > 0 {
			unknown = append(unknown, gone)
		}
	}
	req.Topics = known
	s.groups.DeleteOffsets(req, func(resp *kmsg.OffsetDeleteResponse) {
		if c.failed(protocol.ErrorCode(resp.ErrorCode)) == 0 {
			for _, u := range unknown {
				addUnknown(c, resp, u)
			}
		}
		c.encodeLater(resp)
	})
}

// addUnknown puts what does not exist into the answer, beside the partitions
// of its topic that do.
func addUnknown(c *call, resp *kmsg.OffsetDeleteResponse, u kmsg.OffsetDeleteRequestTopic) {
	at := slices.IndexFunc(resp.Topics, func(t kmsg.OffsetDeleteResponseTopic) bool { return t.Topic == u.Topic })
	if at < 0 {
		at = len(resp.Topics)
		resp.Topics = append(resp.Topics, kmsg.OffsetDeleteResponseTopic{Topic: u.Topic})
	}
	t := &resp.Topics[at]
	for _, p := range u.Partitions {
		t.Partitions = append(t.Partitions, kmsg.OffsetDeleteResponseTopicPartition{
			Partition: p.Partition, ErrorCode: c.failed(protocol.UnknownTopicOrPartition),
		})
	}
}
