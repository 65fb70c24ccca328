package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// DeleteGroups (key 42), versions 0 to 2.
//
// Versions:
//   - v2: flexible
//
// Differs from Kafka: nothing known.
func (s *Server) deleteGroups(c *call, req *kmsg.DeleteGroupsRequest) {
	s.groups.DeleteGroups(req, func(resp *kmsg.DeleteGroupsResponse) {
		for i := range resp.Groups {
			c.failed(protocol.ErrorCode(resp.Groups[i].ErrorCode))
		}
		c.encodeLater(resp)
	})
}
