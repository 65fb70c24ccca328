package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// OffsetCommit (key 8), versions 2 to 10.
//
// Versions:
//   - v2 to v4: a retention time, which Kafka and we ignore since offsets expire
//     with their group
//   - v6: leader epochs
//   - v7: static members
//   - v8: flexible
//   - v9: members of KIP-848 groups (there are none here yet)
//   - v10: topic ids
//
// Differs from Kafka: versions 0 and 1 get UNSUPPORTED_VERSION for each
// partition, where Kafka closes the connection.
func (s *Server) offsetCommit(c *call, req *kmsg.OffsetCommitRequest) {
	all := req.Topics
	codes := make([]protocol.ErrorCode, len(all))
	req.Topics = make([]kmsg.OffsetCommitRequestTopic, 0, len(all))
	img := s.meta.Image()
	for i := range all {
		if req.Version >= 10 {
			t, ok := img.TopicByID(all[i].TopicID)
			if !ok {
				codes[i] = protocol.UnknownTopicID
				continue
			}
			all[i].Topic = t.Name
		} else if _, ok := img.Topic(all[i].Topic); !ok {
			codes[i] = protocol.UnknownTopicOrPartition
			continue
		}
		req.Topics = append(req.Topics, all[i])
	}
	s.groups.CommitOffsets(req, func(resp *kmsg.OffsetCommitResponse) {
		c.answer(mergeCommit(c, all, codes, resp))
	})
}

// mergeCommit puts the topics that the coordinator did not see back in their
// places.
func mergeCommit(
	c *call, all []kmsg.OffsetCommitRequestTopic, codes []protocol.ErrorCode, resp *kmsg.OffsetCommitResponse,
) *kmsg.OffsetCommitResponse {
	known := resp.Topics
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, 0, len(all))
	for i := range all {
		if codes[i] == protocol.NoError && len(known) > 0 {
			for _, p := range known[0].Partitions {
				c.failed(protocol.ErrorCode(p.ErrorCode))
			}
			known[0].TopicID = all[i].TopicID
			resp.Topics = append(resp.Topics, known[0])
			known = known[1:]
			continue
		}
		t := kmsg.OffsetCommitResponseTopic{Topic: all[i].Topic, TopicID: all[i].TopicID}
		for _, p := range all[i].Partitions {
			t.Partitions = append(t.Partitions, kmsg.OffsetCommitResponseTopicPartition{
				Partition: p.Partition, ErrorCode: c.failed(codes[i]),
			})
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}
