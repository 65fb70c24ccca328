package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// OffsetFetch (key 9), versions 0 to 10.
//
// Versions:
//   - v0: UNKNOWN_TOPIC_OR_PARTITION where nothing is committed
//   - v2: a null list means all topics; an error of the whole answer
//   - v5: leader epochs
//   - v6: flexible
//   - v7: only stable offsets: none that a transaction is about to replace
//   - v8: many groups in one request (KIP-709)
//   - v9: members of KIP-848 groups and their epochs
//   - v10: topic ids
//
// Differs from Kafka, whose version 4 no longer has v0: it sees what all versions of
// OffsetCommit have committed, where Kafka asked ZooKeeper.
func (s *Server) offsetFetch(c *call, req *kmsg.OffsetFetchRequest) {
	if req.Version == 0 {
		s.uncoordinated()
	}
	askOnce(req)
	if req.Version < 10 {
		s.groups.FetchOffsets(req, c.caller(), func(resp *kmsg.OffsetFetchResponse) {
			c.failed(protocol.ErrorCode(resp.ErrorCode))
			if req.Version == 0 {
				oldUncommitted(resp)
			}
			for i := range resp.Groups {
				c.failed(protocol.ErrorCode(resp.Groups[i].ErrorCode))
			}
			c.encodeWeighed(resp, fetchedOffsetBytes(resp))
		})
		return
	}
	// Topics that the ids do not name are answered here, the others by name.
	img := s.meta.Image()
	unknown := make([][]kmsg.OffsetFetchRequestGroupTopic, len(req.Groups))
	for i := range req.Groups {
		g := &req.Groups[i]
		if g.Topics == nil {
			continue
		}
		named := make([]kmsg.OffsetFetchRequestGroupTopic, 0, len(g.Topics))
		for _, t := range g.Topics {
			known, ok := img.TopicByID(t.TopicID)
			if !ok {
				unknown[i] = append(unknown[i], t)
				continue
			}
			t.Topic = known.Name
			named = append(named, t)
		}
		g.Topics = named
	}
	s.groups.FetchOffsets(req, c.caller(), func(resp *kmsg.OffsetFetchResponse) {
		for i := range resp.Groups {
			c.failed(protocol.ErrorCode(resp.Groups[i].ErrorCode))
			nameByID(c, img, &resp.Groups[i], unknown[i])
		}
		c.encodeWeighed(resp, fetchedOffsetBytes(resp))
	})
}

// askOnce drops partitions that a request asks again: each answer may carry
// all the metadata of a commit.
func askOnce(req *kmsg.OffsetFetchRequest) {
	req.Groups = distinct(req.Groups, func(g kmsg.OffsetFetchRequestGroup) string { return g.Group })
	seen := map[askedPartition]struct{}{}
	for i := range req.Topics {
		t := &req.Topics[i]
		t.Partitions = notSeen(seen, topicKey{name: t.Topic}, t.Partitions)
	}
	for i := range req.Groups {
		clear(seen)
		for j := range req.Groups[i].Topics {
			t := &req.Groups[i].Topics[j]
			t.Partitions = notSeen(seen, topicKey{name: t.Topic, id: t.TopicID}, t.Partitions)
		}
	}
}

// askedPartition is a partition of a topic within a request.
type askedPartition struct {
	topic     topicKey
	partition int32
}

// notSeen keeps the partitions of a topic that are asked for the first time.
func notSeen(seen map[askedPartition]struct{}, topic topicKey, partitions []int32) []int32 {
	return slices.DeleteFunc(partitions, func(p int32) bool {
		k := askedPartition{topic, p}
		_, again := seen[k]
		seen[k] = struct{}{}
		return again
	})
}

// nameByID turns a group's answer from names into ids.
func nameByID(c *call, img *cluster.Image, g *kmsg.OffsetFetchResponseGroup, unknown []kmsg.OffsetFetchRequestGroupTopic) {
	kept := g.Topics[:0]
	for _, t := range g.Topics {
		known, ok := img.Topic(t.Topic)
		if !ok {
			continue // all topics were asked for, and this one is gone
		}
		t.TopicID = known.ID
		kept = append(kept, t)
	}
	g.Topics = kept
	if g.ErrorCode != 0 {
		return
	}
	for _, u := range unknown {
		t := kmsg.OffsetFetchResponseGroupTopic{TopicID: u.TopicID}
		for _, p := range u.Partitions {
			t.Partitions = append(t.Partitions, kmsg.OffsetFetchResponseGroupTopicPartition{
				Partition: p, Offset: -1, LeaderEpoch: -1, Metadata: kmsg.StringPtr(""), ErrorCode: c.failed(protocol.UnknownTopicID),
			})
		}
		g.Topics = append(g.Topics, t)
	}
}
