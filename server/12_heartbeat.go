package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Heartbeat (key 12), versions 0 to 4.
//
// Versions:
//   - v3: static members (KIP-345)
//   - v4: flexible
//
// Differs from Kafka: nothing known.
func (s *Server) heartbeat(c *call, req *kmsg.HeartbeatRequest) {
	s.groups.Heartbeat(req, c.caller(), func(resp *kmsg.HeartbeatResponse) {
		c.failed(protocol.ErrorCode(resp.ErrorCode))
		c.encodeLater(resp)
	})
}
