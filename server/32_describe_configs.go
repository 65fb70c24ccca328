package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeConfigs (key 32), versions 0 to 4.
//
// Versions:
//   - v0: only whether a value is the default
//   - v1: sources and synonyms
//   - v3: types and documentation (KIP-569)
//   - v4: flexible
//
// Differs from Kafka: Kafka 4 no longer has version 0. Settings that are accepted for
// Kafka's sake and do nothing here say so in their documentation. Broker loggers have
// no levels of their own: the list is empty.
func (s *Server) describeConfigs(c *call, req *kmsg.DescribeConfigsRequest) {
	resp := kmsg.NewPtrDescribeConfigsResponse()
	img := s.meta.Image()
	resources := distinct(req.Resources, func(r kmsg.DescribeConfigsRequestResource) cluster.Resource {
		return cluster.Resource{Type: cluster.ResourceType(r.ResourceType), Name: r.ResourceName}
	})
	for i := range resources {
		rr := &resources[i]
		out := kmsg.DescribeConfigsResponseResource{ResourceType: rr.ResourceType, ResourceName: rr.ResourceName}
		out.Configs = []kmsg.DescribeConfigsResponseResourceConfig{}
		res := cluster.Resource{Type: cluster.ResourceType(rr.ResourceType), Name: rr.ResourceName}
		if res.Type == cluster.ResourceBrokerLogger {
			resp.Resources = append(resp.Resources, out)
			continue
		}
		values, err := s.configs.Describe(img, res)
		if e := asError(err); e != nil {
			out.ErrorCode, out.ErrorMessage = c.failed(e.Code), protocol.MessageOf(e)
			resp.Resources = append(resp.Resources, out)
			continue
		}
		for _, v := range values {
			if rr.ConfigNames == nil || slices.Contains(rr.ConfigNames, v.Def.Name) {
				out.Configs = append(out.Configs, describedConfig(&v, req))
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	c.answer(resp)
}

func describedConfig(v *cluster.ConfigValue, req *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResourceConfig {
	out := kmsg.NewDescribeConfigsResponseResourceConfig()
	out.Name, out.Value, out.ReadOnly = v.Def.Name, v.Value, v.ReadOnly
	out.Source, out.IsSensitive = kmsg.ConfigSource(v.Source), v.Def.Sensitive()
	out.IsDefault = v.Source == cluster.SourceDefault
	out.ConfigType = kmsg.ConfigType(v.Def.Rule.Type)
	if req.IncludeSynonyms {
		for _, syn := range v.Synonyms {
			out.ConfigSynonyms = append(out.ConfigSynonyms, kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{
				Name: syn.Name, Value: &syn.Value, Source: kmsg.ConfigSource(syn.Source),
			})
		}
	}
	if req.IncludeDocumentation {
		doc := v.Def.Documentation()
		out.Documentation = &doc
	}
	return out
}
