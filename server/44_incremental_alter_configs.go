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
// Resources are topics, groups and brokers (an empty name is the default of
// all brokers).
//
// Differs from Kafka: an operation that does not exist is an INVALID_REQUEST,
// not an UNKNOWN_SERVER_ERROR. Client metrics and broker loggers cannot be
// changed.
func (s *Server) incrementalAlterConfigs(c *call, req *kmsg.IncrementalAlterConfigsRequest) {
	resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
	times := map[cluster.Resource]int{}
	for i := range req.Resources {
		times[cluster.Resource{Type: cluster.ResourceType(req.Resources[i].ResourceType), Name: req.Resources[i].ResourceName}]++
	}
	for i := range req.Resources {
		rr := &req.Resources[i]
		out := kmsg.IncrementalAlterConfigsResponseResource{ResourceType: rr.ResourceType, ResourceName: rr.ResourceName}
		res := cluster.Resource{Type: cluster.ResourceType(rr.ResourceType), Name: rr.ResourceName}
		err := errResourceTwice()
		if times[res] == 1 {
			err = s.alterOne(res, req.ValidateOnly, func(img *cluster.Image, res cluster.Resource) ([]cluster.ConfigChange, error) {
				ops := make([]cluster.Alteration, len(rr.Configs))
				for k, cfg := range rr.Configs {
					ops[k] = cluster.Alteration{Key: cfg.Name, Op: cluster.AlterOp(cfg.Op), Value: cfg.Value}
				}
				return s.configs.PlanIncremental(img, res, ops)
			})
		}
		if err != nil {
			out.ErrorCode, out.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
		}
		resp.Resources = append(resp.Resources, out)
	}
	c.answer(resp)
}
