package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// IncrementalAlterConfigs (key 44), versions 0 to 1 (KIP-339).
//
// Versions:
//   - v1: flexible
//
// Resources are topics, groups, brokers (an empty name is the default of
// all brokers) and subscriptions to metrics of clients.
//
// Differs from Kafka: an operation that does not exist is an INVALID_REQUEST,
// not an UNKNOWN_SERVER_ERROR. The lists of client metrics can be appended to and
// subtracted from, which Kafka refuses. Broker loggers cannot be changed.
func (s *Server) incrementalAlterConfigs(c *call, req *kmsg.IncrementalAlterConfigsRequest) {
	resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
	resp.Resources = mapped(req.Resources, func(rr kmsg.IncrementalAlterConfigsRequestResource) kmsg.IncrementalAlterConfigsResponseResource {
		return kmsg.IncrementalAlterConfigsResponseResource{ResourceType: rr.ResourceType, ResourceName: rr.ResourceName}
	})
	asked := mapped(req.Resources, func(rr kmsg.IncrementalAlterConfigsRequestResource) cluster.Resource {
		return cluster.Resource{Type: cluster.ResourceType(rr.ResourceType), Name: rr.ResourceName}
	})
	s.alterEach(c, asked, req.ValidateOnly, func(i int, img *cluster.Image) ([]cluster.ConfigChange, error) {
		ops := mapped(req.Resources[i].Configs, func(cfg kmsg.IncrementalAlterConfigsRequestResourceConfig) cluster.Alteration {
			return cluster.Alteration{Key: cfg.Name, Op: cluster.AlterOp(cfg.Op), Value: cfg.Value}
		})
		return s.configs.PlanIncremental(img, asked[i], ops)
	}, func(i int, err *protocol.Error) {
		resp.Resources[i].ErrorCode, resp.Resources[i].ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
	})
	c.answer(resp)
}
