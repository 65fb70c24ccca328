package coordinator

import (
	"math"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// CommitOffsets handles OffsetCommit, versions 1 to 10. Topics are taken by
// name: for version 10 the caller fills the names in, and in any version it
// passes only topics and partitions that exist; a topic that was deleted since is
// refused here. The answer lists topics as the request does. The request is
// the coordinator's from then on.
func (g *Groups) CommitOffsets(req *kmsg.OffsetCommitRequest, caller Caller, reply func(*kmsg.OffsetCommitResponse)) {
	failed := func(code protocol.ErrorCode) *kmsg.OffsetCommitResponse { return commitResponse(req, code) }
	q := question[*kmsg.OffsetCommitResponse]{req.Group, groupID(req.Group), reply, failed}
	if q.refused == protocol.NoError && !commitFits(req) {
		q.refused = protocol.InvalidRequest
	}
	q.ask(g, func(m *machine, s *step) *kmsg.OffsetCommitResponse { return m.commit(s, req, caller, nil) })
}

func commitFits(req *kmsg.OffsetCommitRequest) bool {
	for i := range req.Topics {
		if len(req.Topics[i].Topic) > stringMax {
			return false
		}
	}
	return true
}

// commitResponse answers every partition with code.
func commitResponse(req *kmsg.OffsetCommitRequest, code protocol.ErrorCode) *kmsg.OffsetCommitResponse {
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Version = req.Version
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, len(req.Topics))
	for i := range req.Topics {
		from, to := &req.Topics[i], &resp.Topics[i]
		to.Topic, to.TopicID = from.Topic, from.TopicID
		to.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(from.Partitions))
		for j := range from.Partitions {
			to.Partitions[j].Partition = from.Partitions[j].Partition
			to.Partitions[j].ErrorCode = int16(code)
		}
	}
	return resp
}

// commit is that of a transaction, or of none: nil.
func (m *machine) commit(s *step, req *kmsg.OffsetCommitRequest, caller Caller, txn *shard.Txn) *kmsg.OffsetCommitResponse {
	if !m.follow(s, req.Group) {
		return m.commitTo(s, m.groups[req.Group], req, txn)
	}
	if req.Generation < 0 && req.MemberID == "" && req.InstanceID == nil {
		return m.commitAll(s, req, txn)
	}
	cell := m.routed(s, req.Group, req.MemberID, req.InstanceID, caller)
	if cell == nil || !cell.cell {
		return commitResponse(req, protocol.UnknownMemberID)
	}
	req.Group = cell.id
	return m.commitTo(s, cell, req, txn)
}

// commitTo commits to the group that the request names; nil: it is not there yet.
func (m *machine) commitTo(s *step, g *group, req *kmsg.OffsetCommitRequest, txn *shard.Txn) *kmsg.OffsetCommitResponse {
	code := checkTxnCommit(g, req)
	if txn == nil {
		code = checkCommit(g, req)
	}
	resp := commitResponse(req, code)
	if code != protocol.NoError {
		if txn == nil {
			g.ignoreLate(s, req, resp)
		}
		return resp
	}
	s.cut() // a transaction's records are a batch of their own
	g.hear(s, req.MemberID)
	if g != nil && (g.state == stateStable || g.state == statePreparing) {
		if member := g.byID[req.MemberID]; member != nil { // in a transaction it need not say who it is
			m.watch(s, g, member) // a commit is as good as a heartbeat
		}
	}
	if g == nil {
		m.scheduleExpiry(s)
	}
	count, size := commitSize(req)
	s.Grow(count)
	room := newArena(size)
	limit := min(s.config.OffsetMetadataMax, stringMax)
	for i := range req.Topics {
		topic := &req.Topics[i]
		now := s.topic(topic.Topic)
		gone := goneCode(now, req.Version, topic)
		for j := range topic.Partitions {
			p := &topic.Partitions[j]
			if gone != protocol.NoError {
				resp.Topics[i].Partitions[j].ErrorCode = int16(gone)
				continue
			}
			if g.ignored(s, req, topic.Topic, now, p.Partition) {
				continue
			}
			if tooLong(p.Metadata, limit) {
				resp.Topics[i].Partitions[j].ErrorCode = int16(protocol.OffsetMetadataTooLarge)
				continue
			}
			record := room.offsetRecord(req.Group, topic.Topic, p.Partition, committedOf(s, req, p, now.id))
			record.Txn = txn
			s.record(record)
			s.cut()
			// The record has it now; the request waits for the answer with the rest.
			p.Metadata = nil
			s.commits++
		}
	}
	return resp
}

// checkCommit finds out whether the caller may commit. Without a generation it
// is a consumer that assigns itself or a tool: allowed as long as the group has
// no members whose offsets it could disturb.
func checkCommit(g *group, req *kmsg.OffsetCommitRequest) protocol.ErrorCode {
	if g == nil {
		switch {
		case req.Generation < 0:
			return protocol.NoError
		case req.Version >= 9:
			return protocol.GroupIDNotFound
		}
		return protocol.IllegalGeneration
	}
	if g.consumer != nil {
		return g.consumer.checkCommit(req)
	}
	if req.Generation < 0 && g.empty() {
		return protocol.NoError
	}
	if req.Generation < 0 && req.MemberID == "" && req.InstanceID == nil {
		return protocol.UnknownMemberID
	}
	if code := g.checkMember(req.MemberID, req.InstanceID); code != protocol.NoError {
		return code
	}
	switch {
	case !g.current(req.MemberID, req.Generation):
		return protocol.IllegalGeneration
	case g.state == stateCompleting:
		// The member knows the generation, yet its partitions are being dealt out.
		return protocol.RebalanceInProgress
	}
	return protocol.NoError
}

// goneCode refuses a commit for a topic that was deleted after the caller had
// looked: its offset would come after the deletion of the others.
func goneCode(now topicNow, version int16, topic *kmsg.OffsetCommitRequestTopic) protocol.ErrorCode {
	switch {
	case version >= 10 && (!now.exists || !now.id.IsZero() && topic.TopicID != now.id):
		return protocol.UnknownTopicID
	case !now.exists:
		return protocol.UnknownTopicOrPartition
	}
	return protocol.NoError
}

func committedOf(
	s *step, req *kmsg.OffsetCommitRequest, p *kmsg.OffsetCommitRequestTopicPartition, topic model.TopicID,
) committed {
	c := committed{
		topic: topic, offset: p.Offset, leaderEpoch: p.LeaderEpoch, metadata: deref(p.Metadata),
		commitTime: s.wall(), expireTime: noTime,
	}
	if req.Version < 6 {
		c.leaderEpoch = -1
	}
	if req.Version == 1 && p.Timestamp >= 0 {
		c.commitTime = p.Timestamp
	}
	if req.Version >= 2 && req.Version <= 4 && req.RetentionTimeMillis >= 0 {
		c.expireTime = c.commitTime + min(req.RetentionTimeMillis, math.MaxInt64-max(c.commitTime, 0))
		c.leaderEpoch = -1 // the record version with an expiry time has none
	}
	return c
}

// commitSize bounds the number of records that a request makes, and their bytes.
func commitSize(req *kmsg.OffsetCommitRequest) (count, size int) {
	const fixed = 10 + offsetValueMax
	for i := range req.Topics {
		topic := &req.Topics[i]
		count += len(topic.Partitions)
		size += len(topic.Partitions) * (fixed + len(req.Group) + len(topic.Topic))
		for j := range topic.Partitions {
			size += min(len(deref(topic.Partitions[j].Metadata)), stringMax)
		}
	}
	return count, size
}

// tooLong counts as Kafka does, in UTF-16 units; the record's format counts
// bytes.
func tooLong(metadata *string, limit int) bool {
	if metadata == nil || len(*metadata) <= limit {
		return false
	}
	return len(*metadata) > stringMax || len(utf16.Encode([]rune(*metadata))) > limit
}
