package replication

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// A group's shard changes its state before its partition has the records: they may
// wait for others. So it asks how the partition will judge one before it records it,
// and tells what comes before that. The answer holds, as the shard is the only writer
// there: whatever else changes is that producers are forgotten, which refuses nothing.

// Ahead is what of a producer is on its way to a partition, and not queued there yet:
// what is judged comes behind it. The zero value is nothing.
type Ahead struct {
	Known bool                // there is something
	Epoch model.ProducerEpoch // of the newest
	// Ended says that there is a marker, CoordinatorEpoch whose the newest is.
	Ended            bool
	CoordinatorEpoch int32
	Open             bool // the producer has a transaction open behind it all
}

// follow goes on with what is ahead.
func (v *producerView) follow(ahead Ahead) {
	if ahead.Known && (!v.known || ahead.Epoch > v.epoch) {
		v.known, v.epoch = true, ahead.Epoch
	}
	if ahead.Ended {
		v.coordinatorEpoch = max(v.coordinatorEpoch, ahead.CoordinatorEpoch)
	}
}

// RefusesMarker tells what AppendMarkers would answer a marker at once; nil if it
// would take it.
func (p *Partition) RefusesMarker(m *Marker, ahead Ahead) *protocol.Error {
	now := p.env.Clock.Now().UnixMilli()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuseMarkerLocked(m, ahead, now)
}

// RefusesOffsets tells what Append has against an internal batch of a transaction, as
// far as that is the producer's doing; nil: nothing.
func (p *Partition) RefusesOffsets(id model.ProducerID, epoch model.ProducerEpoch, ahead Ahead) *protocol.Error {
	now := p.env.Clock.Now().UnixMilli()
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.producerLocked(id, now)
	v.follow(ahead)
	return checkSequence(&v, &batch.Header{ProducerID: id, ProducerEpoch: epoch, BaseSequence: -1})
}
