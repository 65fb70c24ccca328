package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// AlterConfigs (key 33), versions 0 to 2.
//
// Versions:
//   - v2: flexible
//
// The request is the whole set of a resource's configs: what it leaves out
// goes back to its default. IncrementalAlterConfigs replaced it, but older
// admin clients, sarama and librdkafka still send it.
//
// Differs from Kafka: nothing known.
func (s *Server) alterConfigs(c *call, req *kmsg.AlterConfigsRequest) {
	resp := kmsg.NewPtrAlterConfigsResponse()
	times := map[cluster.Resource]int{}
	for i := range req.Resources {
		times[cluster.Resource{Type: cluster.ResourceType(req.Resources[i].ResourceType), Name: req.Resources[i].ResourceName}]++
	}
	for i := range req.Resources {
		rr := &req.Resources[i]
		res := cluster.Resource{Type: cluster.ResourceType(rr.ResourceType), Name: rr.ResourceName}
		err := s.alterOne(res, req.ValidateOnly,
			func(img *cluster.Image, res cluster.Resource) ([]cluster.ConfigChange, error) {
				if times[res] > 1 {
					return nil, errResourceTwice()
				}
				configs := make(map[string]string, len(rr.Configs))
				for _, cfg := range rr.Configs {
					if _, twice := configs[cfg.Name]; twice || cfg.Value == nil {
						return nil, protocol.Errorf(protocol.InvalidRequest, "The config %s is given twice, or a null value.", cfg.Name)
					}
					configs[cfg.Name] = *cfg.Value
				}
				return s.configs.PlanReplace(img, res, configs)
			})
		out := kmsg.AlterConfigsResponseResource{ResourceType: rr.ResourceType, ResourceName: rr.ResourceName}
		if err != nil {
			out.ErrorCode, out.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
		}
		resp.Resources = append(resp.Resources, out)
	}
	c.answer(resp)
}

// errResourceTwice refuses each appearance: their order may not matter.
func errResourceTwice() *protocol.Error {
	return protocol.Errorf(protocol.InvalidRequest, "The resource is named twice in one request.")
}

// alterOne plans the change of one resource and, unless it is only asked
// whether it could be, makes it.
func (s *Server) alterOne(
	res cluster.Resource, validateOnly bool, plan func(*cluster.Image, cluster.Resource) ([]cluster.ConfigChange, error),
) *protocol.Error {
	changes, err := plan(s.meta.Image(), res)
	if err == nil && !validateOnly {
		err = s.meta.AlterConfigs(res, changes)
	}
	return asError(err)
}
