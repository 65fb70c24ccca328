package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
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
// Differs from Kafka: where a transaction of the id is open, or being ended, the
// request waits for its markers (add.partitions.to.txn.retry.backoff.max.ms) and is
// answered with the next epoch; Kafka answers CONCURRENT_TRANSACTIONS at once, and has
// the client come again.
func (s *Server) initProducerID(c *call, req *kmsg.InitProducerIDRequest) {
	if req.TransactionalID != nil {
		s.initTransactional(c, req)
		return
	}
	resp := kmsg.NewPtrInitProducerIDResponse()
	id, err := s.producers.next()
	if err != nil { // the log has the reason
		resp.ErrorCode, id = c.failed(protocol.CoordinatorNotAvailable), -1
		resp.ProducerEpoch = -1
	}
	resp.ProducerID = int64(id)
	c.answer(resp)
}

func (s *Server) initTransactional(c *call, req *kmsg.InitProducerIDRequest) {
	// The coordinator cannot wait for an id; what fails here it finds out.
	s.producers.await()
	caller := txn.Caller{ClientID: c.header.ClientID, ClientHost: "/" + c.conn.address}
	s.txns.InitProducerID(req, caller, func(resp *kmsg.InitProducerIDResponse) {
		resp.ErrorCode = c.failed(fencedBefore(4, req.Version, protocol.ErrorCode(resp.ErrorCode)))
		c.encodeLater(resp)
	})
}
