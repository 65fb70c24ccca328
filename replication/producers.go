package replication

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// ProducerInfo is what a partition knows of a producer, as written.
type ProducerInfo struct {
	ID           model.ProducerID
	Epoch        model.ProducerEpoch
	LastSequence int32 // -1: none
	// LastTimestamp is when its newest batch or marker was appended, ms. Kafka
	// tells the batch's largest timestamp; ours can not be made up by the client.
	LastTimestamp    int64
	CoordinatorEpoch int32        // -1: none
	TxnFirst         model.Offset // -1: it has no transaction open
}

// ProducerCount is how many producers the partition remembers.
func (p *Partition) ProducerCount() int { return p.log.ProducerCount() }

// Producers are the producers that the partition remembers, ascending by id.
func (p *Partition) Producers() ([]ProducerInfo, *protocol.Error) {
	if err := p.droppedError(); err != nil {
		return nil, err
	}
	states := p.log.Producers()
	list := make([]ProducerInfo, len(states))
	for i := range states {
		s := &states[i]
		list[i] = ProducerInfo{
			ID: s.ID, Epoch: s.Epoch, LastSequence: -1, LastTimestamp: s.LastTime,
			CoordinatorEpoch: s.CoordinatorEpoch, TxnFirst: s.TxnFirst,
		}
		if s.N > 0 {
			list[i].LastSequence = s.Batches[s.N-1].LastSequence
		}
	}
	return list, nil
}
