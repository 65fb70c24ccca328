package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeGroups (key 15), versions 0 to 6.
//
// Versions:
//   - v3: authorized operations, on request
//   - v4: static members
//   - v5: flexible
//   - v6: GROUP_ID_NOT_FOUND with a message (before, such a group is "Dead")
//
// Differs from Kafka: nothing known.
func (s *Server) describeGroups(c *call, req *kmsg.DescribeGroupsRequest) {
	req.Groups = distinct(req.Groups, itself)
	s.groups.DescribeGroups(req, func(resp *kmsg.DescribeGroupsResponse) {
		for i := range resp.Groups {
			g := &resp.Groups[i]
			c.failed(protocol.ErrorCode(g.ErrorCode))
			g.AuthorizedOperations = operationsNotAsked
			if req.Version >= 3 && req.IncludeAuthorizedOperations {
				g.AuthorizedOperations = operationsOfGroups
			}
		}
		c.encodeWeighed(resp, describedGroupBytes(resp))
	})
}
