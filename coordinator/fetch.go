package coordinator

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// FetchOffsets handles OffsetFetch, versions 0 to 10; 2 made "all topics" of
// null and added a top-level error, 7 require_stable (what a
// transaction that is open has committed is not told: UNSTABLE_OFFSET_COMMIT), 8 many groups per request, 9 the
// epochs of members of consumer groups, 10 topic ids, which the caller maps to
// names and back.
func (g *Groups) FetchOffsets(req *kmsg.OffsetFetchRequest, caller Caller, reply func(*kmsg.OffsetFetchResponse)) {
	if req.Version < 8 {
		g.fetchOne(req, caller, reply)
		return
	}
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.Version = req.Version
	resp.Groups = make([]kmsg.OffsetFetchResponseGroup, len(req.Groups))
	ids := make([]string, len(req.Groups))
	for i := range req.Groups {
		ids[i] = req.Groups[i].Group
		resp.Groups[i].Group = ids[i]
	}
	g.askGroups(ids, func(i int, m *machine, s *step) {
		asked := &req.Groups[i]
		from, code := m.offsetsFor(s, asked, caller)
		if code == protocol.NoError && req.Version >= versionOfEpochs {
			code = from.checkFetch(asked)
		}
		if code != protocol.NoError {
			resp.Groups[i].ErrorCode = int16(code)
			return
		}
		resp.Groups[i].Topics = from.fetch(s, asked.Topics, req.RequireStable)
	}, func(i int, code protocol.ErrorCode) {
		resp.Groups[i].Topics, resp.Groups[i].ErrorCode = nil, int16(code)
	}, func() { reply(resp) })
}

// versionOfStable is from which version on OffsetFetch can ask for stable offsets.
const versionOfStable = 7

// fetchOne handles the versions that speak of one group.
func (g *Groups) fetchOne(req *kmsg.OffsetFetchRequest, caller Caller, reply func(*kmsg.OffsetFetchResponse)) {
	topics := make([]kmsg.OffsetFetchRequestGroupTopic, 0, len(req.Topics))
	for _, t := range req.Topics {
		topics = append(topics, kmsg.OffsetFetchRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	if req.Topics == nil {
		topics = nil
	}
	q := question[*kmsg.OffsetFetchResponse]{
		req.Group, groupID(req.Group), reply,
		func(code protocol.ErrorCode) *kmsg.OffsetFetchResponse { return fetchFailed(req, code) },
	}
	q.ask(g, func(m *machine, s *step) *kmsg.OffsetFetchResponse {
		from, code := m.offsetsFor(s, &kmsg.OffsetFetchRequestGroup{Group: req.Group, Topics: topics}, caller)
		if code != protocol.NoError {
			return fetchFailed(req, code)
		}
		resp := kmsg.NewPtrOffsetFetchResponse()
		resp.Version = req.Version
		for _, t := range from.fetch(s, topics, req.Version >= versionOfStable && req.RequireStable) {
			old := kmsg.OffsetFetchResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				old.Partitions = append(old.Partitions, kmsg.OffsetFetchResponseTopicPartition(p))
			}
			resp.Topics = append(resp.Topics, old)
		}
		return resp
	})
}

// fetchFailed answers with an error; the oldest versions have a field for it
// only with each partition.
func fetchFailed(req *kmsg.OffsetFetchRequest, code protocol.ErrorCode) *kmsg.OffsetFetchResponse {
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.Version, resp.ErrorCode = req.Version, int16(code)
	for _, t := range req.Topics {
		topic := kmsg.OffsetFetchResponseTopic{Topic: t.Topic}
		for _, partition := range t.Partitions {
			p := kmsg.OffsetFetchResponseTopicPartition(unknownOffset(partition))
			p.ErrorCode = int16(code)
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// fetch reads committed offsets, all of them if topics is nil. A group that
// does not exist has none. What is left of a deleted topic is not shown. stable: what
// an open transaction may change is not told either.
func (g *group) fetch(s *step, topics []kmsg.OffsetFetchRequestGroupTopic, stable bool) []kmsg.OffsetFetchResponseGroupTopic {
	if topics == nil {
		return g.fetchAll(s, stable)
	}
	out := make([]kmsg.OffsetFetchResponseGroupTopic, 0, len(topics))
	for i := range topics {
		from := &topics[i]
		to := kmsg.OffsetFetchResponseGroupTopic{Topic: from.Topic, TopicID: from.TopicID}
		to.Partitions = make([]kmsg.OffsetFetchResponseGroupTopicPartition, 0, len(from.Partitions))
		now := s.topic(from.Topic)
		for _, partition := range from.Partitions {
			p := unknownOffset(partition)
			switch {
			case g == nil:
			case stable && g.isPending(from.Topic, now, partition):
				p.ErrorCode = int16(protocol.UnstableOffsetCommit)
			default:
				if c, ok := g.offsets.get(from.Topic, partition); ok && now.keeps(c) {
					p = knownOffset(partition, c)
				}
			}
			to.Partitions = append(to.Partitions, p)
		}
		out = append(out, to)
	}
	return out
}

func (g *group) fetchAll(s *step, stable bool) []kmsg.OffsetFetchResponseGroupTopic {
	out := []kmsg.OffsetFetchResponseGroupTopic{}
	if g == nil {
		return out
	}
	for topic, partitions := range g.offsets {
		to := kmsg.OffsetFetchResponseGroupTopic{Topic: topic}
		to.Partitions = make([]kmsg.OffsetFetchResponseGroupTopicPartition, 0, len(partitions))
		now := s.topic(topic)
		for partition, c := range partitions {
			if !now.keeps(c) {
				continue
			}
			p := knownOffset(partition, c)
			if stable && g.isPending(topic, now, partition) {
				p = unknownOffset(partition)
				p.ErrorCode = int16(protocol.UnstableOffsetCommit)
			}
			to.Partitions = append(to.Partitions, p)
		}
		if len(to.Partitions) > 0 {
			out = append(out, to)
		}
	}
	return out
}

func unknownOffset(partition int32) kmsg.OffsetFetchResponseGroupTopicPartition {
	return knownOffset(partition, committed{offset: -1, leaderEpoch: -1})
}

func knownOffset(partition int32, c committed) kmsg.OffsetFetchResponseGroupTopicPartition {
	return kmsg.OffsetFetchResponseGroupTopicPartition{
		Partition: partition, Offset: c.offset, LeaderEpoch: c.leaderEpoch, Metadata: &c.metadata,
	}
}
