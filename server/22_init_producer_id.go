package server

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
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
		id, err := s.producers.next(s.meta)
		if err != nil {
			s.log.Error("no producer ids", zap.Error(err))
			resp.ErrorCode = c.failed(protocol.CoordinatorNotAvailable)
			break
		}
		resp.ProducerID, resp.ProducerEpoch = int64(id), 0
	}
	c.answer(resp)
}

// producerBlock is how many ids are reserved with one write of the metadata.
const producerBlock = 1000

// producerIDs gives out ids from blocks that the metadata reserves.
type producerIDs struct {
	mu         sync.Mutex
	first, end model.ProducerID
}

func (p *producerIDs) next(meta cluster.Metadata) (model.ProducerID, error) {
	p.mu.Lock()
	if p.first < p.end {
		id := p.first
		p.first++
		p.mu.Unlock()
		return id, nil
	}
	p.mu.Unlock()
	// Several may ask at once: each gets a block, and all but one are wasted.
	first, err := meta.AllocateProducerIDs(producerBlock)
	if err != nil {
		return -1, err //nolint:wrapcheck // The caller adds what it was for.
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first, p.end = first+1, first+producerBlock
	return first, nil
}
