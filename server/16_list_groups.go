package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// ListGroups (key 16), versions 0 to 5.
//
// Versions:
//   - v3: flexible
//   - v4: filter by state (KIP-518)
//   - v5: filter by type (KIP-848)
//
// Differs from Kafka: nothing known.
func (s *Server) listGroups(c *call, req *kmsg.ListGroupsRequest) {
	if _, ok := s.meta.Image().Topic(cluster.OffsetsTopic); !ok {
		c.answer(kmsg.NewPtrListGroupsResponse()) // nobody ever was in a group
		return
	}
	s.groups.ListGroups(req, func(resp *kmsg.ListGroupsResponse) {
		c.failed(protocol.ErrorCode(resp.ErrorCode))
		c.encodeLater(resp)
	})
}
