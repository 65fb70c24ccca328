package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// ConsumerGroupHeartbeat (key 68), versions 0 and 1: members of
// consumer groups (KIP-848) join, stay, are told what they own, and leave.
//
// Versions:
//   - v1: subscription by pattern; the client makes the member's id (KIP-1082)
//
// The answer is small for its request, and weighed when it is there; what a new
// assignment takes is the records of those whose targets it changes.
//
// Without consumer in group.coordinator.rebalance.protocols the answer is
// UNSUPPORTED_VERSION, as in Kafka.
//
// Differs from Kafka: a member of a group that is gone is told UNKNOWN_MEMBER_ID
// and joins again, where GROUP_ID_NOT_FOUND ends Java's consumer. A static member
// that was fenced may join again with its own member id at once. Patterns never
// match internal topics, and have at most 1,024 bytes and some 2,048 steps when their
// repeats are written out. A group of more than 64 members is assigned anew after
// a pause of a millisecond for each, at most 5 s. A subscription by pattern has its
// topics with the first answer. A rebalance timeout below -1 is INVALID_REQUEST,
// and what a member says of itself is bounded, as is what all members say. Offsets
// of a group whose members have all gone run from then on, not from their commits.
func (s *Server) consumerGroupHeartbeat(c *call, req *kmsg.ConsumerGroupHeartbeatRequest) {
	if !s.settings.consumerGroups() {
		resp := kmsg.NewPtrConsumerGroupHeartbeatResponse()
		resp.ErrorCode = c.failed(protocol.UnsupportedVersion)
		c.answer(resp)
		return
	}
	s.groups.ConsumerHeartbeat(req, c.caller(), func(resp *kmsg.ConsumerGroupHeartbeatResponse) {
		c.failed(protocol.ErrorCode(resp.ErrorCode))
		c.encodeWeighed(resp, beatBytes(resp))
	})
}
