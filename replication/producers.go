package replication

import (
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
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

// OpenTxn is a transaction that holds the last stable offset back, or will.
type OpenTxn struct {
	Producer model.ProducerID
	Epoch    model.ProducerEpoch
	First    model.Offset
	Since    time.Time // its first batch was appended; zero: not known
}

// OpenTxns are the transactions that no marker has ended here, oldest first.
func (p *Partition) OpenTxns() (open []OpenTxn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.mu.txns.list {
		if x.marker >= 0 {
			continue
		}
		o := OpenTxn{Producer: x.producer, Epoch: x.epoch, First: x.first}
		if x.since > 0 {
			o.Since = time.UnixMilli(x.since)
		}
		open = append(open, o)
	}
	return open
}

// EachOpenTxn visits the partitions that have transactions open, of all that the
// log holds.
func (ps *Partitions) EachOpenTxn(do func(p *Partition, open []OpenTxn)) {
	ps.env.Image().Topics(func(t *cluster.Topic) bool {
		for i := range t.Partitions {
			if !ps.env.Log.Holds(t.Partitions[i].ID) {
				continue
			}
			p, gone := ps.find(t, int32(i))
			if gone != nil {
				continue // deleted a moment ago, or another broker's
			}
			if open := p.OpenTxns(); len(open) > 0 {
				do(p, open)
			}
		}
		return true
	})
}
