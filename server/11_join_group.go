package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// JoinGroup (key 11), versions 0 to 9.
//
// Versions:
//   - v1: a rebalance timeout of its own
//   - v4: a new member is told its id first and joins again with it (KIP-394)
//   - v5: static members (KIP-345)
//   - v6: flexible
//   - v7: the protocol type in the answer
//   - v8: a reason (KIP-800)
//   - v9: the leader may be told to keep the assignment (KIP-814)
//
// Differs from Kafka: nothing known. Version 0 and 1, which Kafka 4.0 dropped
// and 4.2 brought back, are served.
func (s *Server) joinGroup(c *call, req *kmsg.JoinGroupRequest) {
	s.groups.Join(req, c.caller(), func(resp *kmsg.JoinGroupResponse) {
		c.failed(protocol.ErrorCode(resp.ErrorCode))
		c.encodeWeighed(resp, joinedBytes(resp))
	})
}
