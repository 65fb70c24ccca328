package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// LeaveGroup (key 13), versions 0 to 5.
//
// Versions:
//   - v3: many members at once, also by instance id (KIP-345)
//   - v4: flexible
//   - v5: a reason (KIP-800)
//
// Differs from Kafka: nothing known.
func (s *Server) leaveGroup(c *call, req *kmsg.LeaveGroupRequest) {
	s.groups.Leave(req, c.caller(), func(resp *kmsg.LeaveGroupResponse) {
		c.failed(protocol.ErrorCode(resp.ErrorCode))
		c.encodeLater(resp)
	})
}
