package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// UnregisterBroker (key 64), version 0.
//
// Differs from Kafka: a broker that runs is not unregistered. Kafka does it, and
// the broker is then fenced until it starts anew.
func (s *Server) unregisterBroker(c *call, req *kmsg.UnregisterBrokerRequest) {
	resp := kmsg.NewPtrUnregisterBrokerResponse()
	err := protocol.Errorf(protocol.BrokerIDNotRegistered, "Broker %d is not part of the cluster.", req.BrokerID)
	if _, ok := s.meta.Image().Broker(model.BrokerID(req.BrokerID)); ok {
		err = protocol.Errorf(protocol.InvalidRequest, "Broker %d runs, and has the only replica of all partitions: it cannot be unregistered.", req.BrokerID)
	}
	resp.ErrorCode, resp.ErrorMessage = c.failed(err.Code), &err.Message
	c.answer(resp)
}
