package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// ConsumerGroupDescribe (key 69), versions 0 and 1.
//
// Versions:
//   - v1: the protocol that each member uses (KIP-1099)
//
// Differs from Kafka: nothing known.
func (s *Server) consumerGroupDescribe(c *call, req *kmsg.ConsumerGroupDescribeRequest) {
	req.Groups = distinct(req.Groups, itself)
	if !s.settings.consumerGroups() {
		resp := kmsg.NewPtrConsumerGroupDescribeResponse()
		for _, id := range req.Groups {
			g := kmsg.NewConsumerGroupDescribeResponseGroup()
			g.Group, g.ErrorCode = id, c.failed(protocol.UnsupportedVersion)
			resp.Groups = append(resp.Groups, g)
		}
		c.answer(resp)
		return
	}
	s.groups.DescribeConsumerGroups(req, func(resp *kmsg.ConsumerGroupDescribeResponse) {
		for i := range resp.Groups {
			g := &resp.Groups[i]
			c.failed(protocol.ErrorCode(g.ErrorCode))
			g.AuthorizedOperations = operationsNotAsked
			if req.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = operationsOfGroups
			}
		}
		c.encodeWeighed(resp, describedConsumerBytes(resp))
	})
}

func (s *Server) weighConsumerGroupDescribe(req *kmsg.ConsumerGroupDescribeRequest) int {
	return len(req.Groups) * groupWeight
}
