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
	resp.Resources = mapped(req.Resources, func(rr kmsg.AlterConfigsRequestResource) kmsg.AlterConfigsResponseResource {
		return kmsg.AlterConfigsResponseResource{ResourceType: rr.ResourceType, ResourceName: rr.ResourceName}
	})
	asked := mapped(req.Resources, func(rr kmsg.AlterConfigsRequestResource) cluster.Resource {
		return cluster.Resource{Type: cluster.ResourceType(rr.ResourceType), Name: rr.ResourceName}
	})
	s.alterEach(c, asked, req.ValidateOnly, func(i int, img *cluster.Image) ([]cluster.ConfigChange, error) {
		configs := make(map[string]string, len(req.Resources[i].Configs))
		for _, cfg := range req.Resources[i].Configs {
			if _, twice := configs[cfg.Name]; twice || cfg.Value == nil {
				return nil, protocol.Errorf(protocol.InvalidRequest, "The config %s is given twice, or a null value.", cfg.Name)
			}
			configs[cfg.Name] = *cfg.Value
		}
		return s.configs.PlanReplace(img, asked[i], configs)
	}, func(i int, err *protocol.Error) {
		resp.Resources[i].ErrorCode, resp.Resources[i].ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
	})
	c.answer(resp)
}

// alterEach plans the change of each resource and, unless it is only asked
// whether it could be, makes it. One that is named twice is refused each time:
// the order may not matter.
func (s *Server) alterEach(
	c *call, resources []cluster.Resource, validateOnly bool,
	plan func(i int, img *cluster.Image) ([]cluster.ConfigChange, error), refused func(i int, err *protocol.Error),
) {
	times := map[cluster.Resource]int{}
	for _, res := range resources {
		times[res]++
	}
	for i, res := range resources {
		if times[res] > 1 {
			refused(i, protocol.Errorf(protocol.InvalidRequest, "The resource is named twice in one request."))
			continue
		}
		changes, err := plan(i, s.meta.Image())
		if err == nil && !validateOnly {
			if err = s.meta.AlterConfigs(res, changes); err == nil {
				s.configsAltered(c, res, changes)
				s.noteConfigs(res, changes)
			}
		}
		if e := asError(err); e != nil {
			refused(i, e)
		}
	}
}
