package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// ListOffsets (key 2), versions 0 to 11.
//
// Versions:
//   - v0: a list of offsets; see oldOffsets
//   - v1: one offset by timestamp instead of a list of segment starts
//   - v2: isolation level
//   - v4: leader epochs (KIP-320)
//   - v6: flexible
//   - v7: -3, the record with the largest timestamp (KIP-734)
//   - v8: -4, the first offset on local disks (KIP-405)
//   - v9: -5, the last tiered offset (KIP-1005)
//   - v10: a timeout for remote storage
//   - v11: -6, the first offset not tiered yet (KIP-1023)
//
// Differs from Kafka: version 0, which Kafka 4 no longer has, knows no segments.
// There are no tiers, so -4 is -2 and -5 finds nothing.
func (s *Server) listOffsets(c *call, req *kmsg.ListOffsetsRequest) {
	resp := kmsg.NewPtrListOffsetsResponse()
	resp.Topics = make([]kmsg.ListOffsetsResponseTopic, 0, len(req.Topics))
	seen := map[model.TopicPartition]int{}
	for i := range req.Topics {
		for _, p := range req.Topics[i].Partitions {
			seen[model.TopicPartition{Topic: req.Topics[i].Topic, Partition: p.Partition}]++
		}
	}
	for i := range req.Topics {
		t := kmsg.ListOffsetsResponseTopic{Topic: req.Topics[i].Topic}
		for j := range req.Topics[i].Partitions {
			rp := &req.Topics[i].Partitions[j]
			at := model.TopicPartition{Topic: t.Topic, Partition: rp.Partition}
			if seen[at] == 0 {
				continue // Answered by its first appearance.
			}
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Partition, p.Timestamp, p.Offset, p.LeaderEpoch = rp.Partition, -1, -1, -1
			if seen[at] > 1 {
				seen[at] = 0
				p.ErrorCode = c.failed(protocol.InvalidRequest)
			} else {
				s.listOffset(c, req, t.Topic, rp, &p)
			}
			t.Partitions = append(t.Partitions, p)
		}
		if len(t.Partitions) > 0 || len(req.Topics[i].Partitions) == 0 {
			resp.Topics = append(resp.Topics, t)
		}
	}
	c.answer(resp)
}

func (s *Server) listOffset(
	c *call, req *kmsg.ListOffsetsRequest, topic string,
	rp *kmsg.ListOffsetsRequestTopicPartition, out *kmsg.ListOffsetsResponseTopicPartition,
) {
	part, err := s.partitions.Find(topic, rp.Partition)
	if err == nil && rp.Timestamp < oldestSpecial(req.Version) {
		err = protocol.Errorf(protocol.UnsupportedVersion, "timestamp %d is not known in version %d", rp.Timestamp, req.Version)
	}
	if err != nil {
		out.ErrorCode = c.failed(err.Code)
		return
	}
	epoch := model.LeaderEpoch(-1)
	if req.Version >= 4 {
		epoch = model.LeaderEpoch(rp.CurrentLeaderEpoch)
	}
	found, err := part.FindOffset(rp.Timestamp, req.IsolationLevel == 1, epoch)
	if err != nil {
		out.ErrorCode = c.failed(err.Code)
		return
	}
	if req.Version == 0 {
		o := part.Offsets()
		if found.Offset < 0 { // all records are older
			found.Offset = o.HighWatermark
		}
		out.OldStyleOffsets = oldOffsets(int64(o.LogStart), int64(found.Offset), rp.MaxNumOffsets)
		return
	}
	out.Offset, out.Timestamp, out.LeaderEpoch = int64(found.Offset), found.Timestamp, int32(found.Epoch)
}

// oldestSpecial is the lowest special timestamp that a version has.
func oldestSpecial(version int16) int64 {
	switch {
	case version >= 11:
		return replication.TimestampEarliestPendingTier
	case version >= 9:
		return replication.TimestampLatestTiered
	case version >= 8:
		return replication.TimestampEarliestLocal
	case version >= 7:
		return replication.TimestampMax
	default:
		return replication.TimestampEarliest
	}
}
