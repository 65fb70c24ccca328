package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// SyncGroup (key 14), versions 0 to 5.
//
// Versions:
//   - v3: static members (KIP-345)
//   - v4: flexible
//   - v5: the protocol's type and name, checked against the group's (KIP-559)
//
// Differs from Kafka: nothing known.
func (s *Server) syncGroup(c *call, req *kmsg.SyncGroupRequest) {
	s.groups.Sync(req, c.caller(), func(resp *kmsg.SyncGroupResponse) {
		c.failed(protocol.ErrorCode(resp.ErrorCode))
		c.encodeWeighed(resp, 128+len(resp.MemberAssignment))
	})
}
