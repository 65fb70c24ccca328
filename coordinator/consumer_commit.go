package coordinator

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// versionOfEpochs is from which version on OffsetCommit and OffsetFetch can
// tell a member of a consumer group that its epoch is not the newest.
const versionOfEpochs = 9

// checkCommit finds out whether the caller may commit: a member, with its own
// epoch, or anybody as long as there are no members. A commit does not count as
// a heartbeat.
func (c *consumerGroup) checkCommit(req *kmsg.OffsetCommitRequest) protocol.ErrorCode {
	member := c.members[req.MemberID]
	switch {
	case req.Generation < 0 && len(c.members) == 0:
		return protocol.NoError
	case member == nil:
		return protocol.UnknownMemberID
	case req.Version < versionOfEpochs && member.meta.classic == nil:
		return protocol.UnsupportedVersion
	}
	return member.checkOffsets(req.Generation)
}

// checkFetch finds out whether the caller may read offsets as the member that
// it says it is; who does not say so may. Some clients leave the id empty where
// others leave it out.
func (g *group) checkFetch(req *kmsg.OffsetFetchRequestGroup) protocol.ErrorCode {
	if g == nil || g.consumer == nil || deref(req.MemberID) == "" && req.MemberEpoch < 0 {
		return protocol.NoError
	}
	member := g.consumer.members[deref(req.MemberID)]
	if member == nil {
		return protocol.UnknownMemberID
	}
	return member.checkOffsets(req.MemberEpoch)
}

// checkOffsets refuses another epoch than the member's: between two epochs
// partitions may have gone to others.
func (m *consumerMember) checkOffsets(epoch int32) protocol.ErrorCode {
	switch {
	case epoch == m.current.epoch:
		return protocol.NoError
	case m.meta.classic != nil:
		return protocol.IllegalGeneration
	}
	return protocol.StaleMemberEpoch
}
