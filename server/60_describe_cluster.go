package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeCluster (key 60), versions 0 to 2.
//
// Versions:
//   - v1: brokers or controllers (KIP-919)
//   - v2: fenced brokers, on request (KIP-1073)
//
// Differs from Kafka: asking a broker for controllers is refused as in Kafka;
// there is no separate controller port here.
func (s *Server) describeCluster(c *call, req *kmsg.DescribeClusterRequest) {
	const brokersType, controllersType = 1, 2
	img := s.meta.Image()
	resp := kmsg.NewPtrDescribeClusterResponse()
	resp.ClusterID, resp.EndpointType = img.ClusterID, brokersType
	resp.ClusterAuthorizedOperations = operationsNotAsked
	if req.Version >= 1 && req.EndpointType != brokersType {
		err := protocol.Errorf(protocol.UnsupportedEndpointType, "there is no endpoint type %d: ask with %d, for brokers", req.EndpointType, brokersType)
		if req.EndpointType == controllersType {
			err = protocol.Errorf(protocol.MismatchedEndpointType, "this is a broker: ask with endpoint type %d", brokersType)
		}
		resp.ErrorCode, resp.ErrorMessage = c.failed(err.Code), &err.Message
		c.answer(resp)
		return
	}
	resp.ControllerID = int32(img.Controller)
	for _, e := range s.brokers(c.conn.listener, img) {
		resp.Brokers = append(resp.Brokers, kmsg.DescribeClusterResponseBroker{
			NodeID: int32(e.Node), Host: e.Host, Port: e.Port, Rack: e.Rack,
		})
	}
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = operationsOfCluster
	}
	c.answer(resp)
}
