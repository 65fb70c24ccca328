package server

import (
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// ListConfigResources (key 74), versions 0 and 1.
//
// Versions:
//   - v1: all types of resources (KIP-1142), before it only client metrics
//
// It names what has settings, so that those of a group can be found before it
// has members and after it was deleted. No types asked for are all of them.
//
// Differs from Kafka: the names of a type come in order, and a group whose last
// setting was taken back is forgotten at once, not with the next start.
func (s *Server) listConfigResources(c *call, req *kmsg.ListConfigResourcesRequest) {
	resp := kmsg.NewPtrListConfigResourcesResponse()
	resp.ConfigResources = []kmsg.ListConfigResourcesResponseConfigResource{}
	known := listedResources(req.Version)
	asked := known
	if len(req.ResourceTypes) > 0 {
		asked = distinct(mapped(req.ResourceTypes, func(t int8) cluster.ResourceType { return cluster.ResourceType(t) }), itself)
	}
	for _, t := range asked {
		if !slices.Contains(known, t) {
			resp.ErrorCode = c.failed(protocol.UnsupportedVersion)
			c.answer(resp)
			return
		}
	}
	img := s.meta.Image()
	for _, t := range known {
		if !slices.Contains(asked, t) {
			continue
		}
		for _, name := range s.configResources(c, img, t) {
			resp.ConfigResources = append(resp.ConfigResources, kmsg.ListConfigResourcesResponseConfigResource{Name: name, Type: int8(t)})
		}
	}
	c.answer(resp)
}

// listedResources are the types that a version knows, in the order of the answer.
func listedResources(version int16) []cluster.ResourceType {
	if version == 0 {
		return []cluster.ResourceType{cluster.ResourceClientMetrics}
	}
	return []cluster.ResourceType{
		cluster.ResourceGroup, cluster.ResourceClientMetrics, cluster.ResourceBrokerLogger, cluster.ResourceBroker, cluster.ResourceTopic,
	}
}

// configResources are the names of one type: of groups those with settings of
// their own, whether or not they exist, of client metrics the subscriptions.
func (s *Server) configResources(c *call, img *cluster.Image, t cluster.ResourceType) []string {
	switch t {
	case cluster.ResourceGroup:
		return slices.Sorted(maps.Keys(img.GroupConfigs))
	case cluster.ResourceBroker, cluster.ResourceBrokerLogger:
		return mapped(s.brokers(c.conn.listener, img), func(e protocol.NodeEndpoint) string { return strconv.Itoa(int(e.Node)) })
	case cluster.ResourceTopic:
		return mapped(img.TopicsByName(), func(t *cluster.Topic) string { return t.Name })
	case cluster.ResourceClientMetrics:
		return slices.Sorted(maps.Keys(img.ClientMetrics))
	}
	return nil
}

func (s *Server) weighListConfigResources(req *kmsg.ListConfigResourcesRequest) int {
	img := s.meta.Image()
	asks := func(t cluster.ResourceType) bool {
		if req.Version == 0 {
			return t == cluster.ResourceClientMetrics
		}
		return len(req.ResourceTypes) == 0 || slices.Contains(req.ResourceTypes, int8(t))
	}
	w := 4 * listedResourceWeight
	if asks(cluster.ResourceTopic) {
		w += img.TopicCount() * (topicWeight + listedResourceWeight)
	}
	if asks(cluster.ResourceGroup) {
		for name := range img.GroupConfigs {
			w += 3*len(name) + listedResourceWeight
		}
	}
	if asks(cluster.ResourceClientMetrics) {
		for name := range img.ClientMetrics {
			w += 3*len(name) + listedResourceWeight
		}
	}
	return w
}
