package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// OffsetCommit (key 8), versions 0 to 10.
//
// Versions:
//   - v0: without members, for groups whose members the broker does not know
//   - v1: members and generations; a commit time of each partition
//   - v2 to v4: a retention time, which holds instead of the broker's
//   - v6: leader epochs
//   - v7: static members
//   - v8: flexible
//   - v9: members of KIP-848 groups and their epochs
//   - v10: topic ids
//
// Differs from Kafka, whose version 4 no longer has v0 and v1: what v0 commits is kept
// with all other offsets; Kafka kept it in ZooKeeper, and without one refused it.
func (s *Server) offsetCommit(c *call, req *kmsg.OffsetCommitRequest) {
	if req.Version == 0 {
		s.uncoordinated()
	}
	all := req.Topics
	codes := make([]protocol.ErrorCode, len(all))
	req.Topics = make([]kmsg.OffsetCommitRequestTopic, 0, len(all))
	img := s.meta.Image()
	for i := range all {
		var t *cluster.Topic
		var ok bool
		if req.Version >= 10 {
			if t, ok = img.TopicByID(all[i].TopicID); !ok {
				codes[i] = protocol.UnknownTopicID
				continue
			}
			all[i].Topic = t.Name
		} else if t, ok = img.Topic(all[i].Topic); !ok {
			codes[i] = protocol.UnknownTopicOrPartition
			continue
		}
		req.Topics = append(req.Topics, existingOnly(all[i], t))
	}
	s.groups.CommitOffsets(req, c.caller(), func(resp *kmsg.OffsetCommitResponse) {
		merged := mergeCommit(c, all, codes, resp)
		c.encodeWeighed(merged, committedBytes(merged))
	})
}

// existingOnly leaves the partitions out that the topic does not have.
func existingOnly(rt kmsg.OffsetCommitRequestTopic, t *cluster.Topic) kmsg.OffsetCommitRequestTopic {
	missing := func(p kmsg.OffsetCommitRequestTopicPartition) bool { return !hasPartition(t, p.Partition) }
	if slices.ContainsFunc(rt.Partitions, missing) {
		rt.Partitions = slices.DeleteFunc(slices.Clone(rt.Partitions), missing)
	}
	return rt
}

func hasPartition(t *cluster.Topic, index int32) bool {
	return index >= 0 && int(index) < len(t.Partitions)
}

// mergeCommit puts the topics and partitions that the coordinator did not see
// back in their places.
func mergeCommit(
	c *call, all []kmsg.OffsetCommitRequestTopic, codes []protocol.ErrorCode, resp *kmsg.OffsetCommitResponse,
) *kmsg.OffsetCommitResponse {
	known := resp.Topics
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, 0, len(all))
	for i := range all {
		var seen []kmsg.OffsetCommitResponseTopicPartition
		code := codes[i]
		if code == protocol.NoError {
			seen, known = known[0].Partitions, known[1:]
			code = protocol.UnknownTopicOrPartition // of what was not seen
		}
		t := kmsg.OffsetCommitResponseTopic{Topic: all[i].Topic, TopicID: all[i].TopicID}
		t.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, 0, len(all[i].Partitions))
		for _, p := range all[i].Partitions {
			out := kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code)}
			if len(seen) > 0 && seen[0].Partition == p.Partition {
				out, seen = seen[0], seen[1:]
			}
			c.failed(protocol.ErrorCode(out.ErrorCode))
			t.Partitions = append(t.Partitions, out)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}
