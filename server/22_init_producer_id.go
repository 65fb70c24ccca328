package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// InitProducerId (key 22), versions 0 to 5.
//
// Versions:
//   - v2: flexible
//   - v3: the producer's old id and epoch, to raise the epoch (KIP-360)
//   - v4: PRODUCER_FENCED may be answered
//   - v5: transactions of the second version (KIP-890)
//
// Differs from Kafka: idempotent producers only. A transactional id gets a
// final error; its words are in FindCoordinator's answer, as this one has no
// field for them.
func (s *Server) initProducerID(c *call, req *kmsg.InitProducerIDRequest) {
	resp := kmsg.NewPtrInitProducerIDResponse()
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	switch {
	case req.TransactionalID != nil && *req.TransactionalID == "":
		resp.ErrorCode = c.failed(protocol.InvalidRequest)
	case req.TransactionalID != nil:
		resp.ErrorCode = c.failed(s.noTransactions(c, *req.TransactionalID).Code)
	default:
		id, err := s.producers.next()
		if err != nil { // the log has the reason
			resp.ErrorCode = c.failed(protocol.CoordinatorNotAvailable)
			break
		}
		resp.ProducerID, resp.ProducerEpoch = int64(id), 0
	}
	c.answer(resp)
}
