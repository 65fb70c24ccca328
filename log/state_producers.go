package log

import (
	"cmp"
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// ProducerBatchesMax is how many batches of one producer are remembered, so
// that a client with five requests in flight can repeat any of them (KIP-98).
const ProducerBatchesMax = 5

// ProducerState is what the written log knows of one idempotent producer.
type ProducerState struct {
	ID       model.ProducerID
	Epoch    model.ProducerEpoch
	LastTime int64                             // append time of its newest batch or marker, ms
	N        int                               // batches in use
	Batches  [ProducerBatchesMax]ProducerBatch // oldest first, [:N]
	// CoordinatorEpoch is that of the newest marker that ended a transaction of
	// the producer, and LastMarker where that stands; -1: there was none.
	CoordinatorEpoch int32
	LastMarker       model.Offset
	// TxnFirst is where the transaction begins that the producer has open here, -1
	// if it has none; TxnSince the append time of that batch, ms, 0 if not known.
	TxnFirst model.Offset
	TxnSince int64
}

func newProducerState(id model.ProducerID, epoch model.ProducerEpoch) *ProducerState {
	return &ProducerState{ID: id, Epoch: epoch, CoordinatorEpoch: -1, LastMarker: -1, TxnFirst: -1}
}

// begin has the producer go on in another epoch: older batches are not repeated.
// What it has open stays open until a marker ends it.
func (p *ProducerState) begin(epoch model.ProducerEpoch) {
	p.Epoch, p.N, p.Batches = epoch, 0, [ProducerBatchesMax]ProducerBatch{}
}

// ProducerBatch is one remembered batch.
type ProducerBatch struct {
	FirstSequence, LastSequence int32
	LastOffset                  model.Offset
	OffsetDelta                 int32 // LastOffset - base offset
	Timestamp                   int64 // log append time, or the batch's max timestamp; ms
}

// producerStates are a partition's idempotent producers, ascending by id. A
// slice, not a map: most partitions have a few, nil costs nothing, and the
// encoded state has one form only.
type producerStates []*ProducerState

func (s producerStates) find(id model.ProducerID) (int, bool) {
	return slices.BinarySearchFunc(s, id, func(p *ProducerState, id model.ProducerID) int { return cmp.Compare(p.ID, id) })
}

// apply takes note of a batch that has a producer id, and returns the producer's
// state. It judges nothing: sequences were compared before the append. A newer
// epoch, also one that a transaction marker carries, makes the older one's
// batches unrepeatable.
func (s *producerStates) apply(h *batch.Header, appendTime int64, producersMax int) *ProducerState {
	i, ok := s.find(h.ProducerID)
	if !ok {
		if s.limit(producersMax) {
			i, _ = s.find(h.ProducerID)
		}
		*s = slices.Insert(*s, i, newProducerState(h.ProducerID, h.ProducerEpoch))
	}
	p := (*s)[i]
	if p.Epoch != h.ProducerEpoch {
		p.begin(h.ProducerEpoch)
	}
	p.LastTime = appendTime
	if !sequenced(h) {
		return p
	}
	if p.N == ProducerBatchesMax {
		copy(p.Batches[:], p.Batches[1:])
		p.N--
	}
	p.Batches[p.N] = ProducerBatch{
		FirstSequence: h.BaseSequence,
		LastSequence:  h.LastSequence(),
		LastOffset:    h.LastOffset(),
		OffsetDelta:   h.LastOffsetDelta,
		Timestamp:     h.MaxTimestamp,
	}
	p.N++
	return p
}

// addSequence wraps around from the largest sequence to 0 (KIP-98).
func addSequence(s, delta int32) int32 {
	return int32((int64(s) + int64(delta)) & math.MaxInt32)
}

// limit makes room for one more: the least recently used sixteenth goes, so
// that a client that invents an id for every batch does not cost a search of
// all states each time. Who has a transaction open stays, whatever the number:
// its records must not count as committed. It reports whether it removed any.
func (s *producerStates) limit(producersMax int) bool {
	n := len(*s)
	if producersMax <= 0 || n < producersMax {
		return false
	}
	gone := n - producersMax + max(1, producersMax/16)
	byAge := slices.DeleteFunc(slices.Clone(*s), func(p *ProducerState) bool { return p.TxnFirst >= 0 })
	if len(byAge) == 0 {
		return false
	}
	slices.SortFunc(byAge, func(a, b *ProducerState) int {
		return cmp.Or(cmp.Compare(a.LastTime, b.LastTime), cmp.Compare(a.ID, b.ID))
	})
	last := byAge[min(gone, len(byAge))-1]
	s.remove(func(p *ProducerState) bool {
		return p.TxnFirst < 0 && cmp.Or(cmp.Compare(p.LastTime, last.LastTime), cmp.Compare(p.ID, last.ID)) <= 0
	})
	return true
}

// expire forgets the producers whose newest batch is older than before, ms, but
// for those that have a transaction open.
func (s *producerStates) expire(before int64) int {
	n := len(*s)
	s.remove(func(p *ProducerState) bool { return p.LastTime < before && p.TxnFirst < 0 })
	return n - len(*s)
}

// truncate forgets batches that reach to end or above, and producers of which
// nothing is left: what they did before their last five batches is not known,
// but for a transaction that they have open.
func (s *producerStates) truncate(end model.Offset) {
	s.remove(func(p *ProducerState) bool {
		had := p.N > 0 || p.TxnFirst >= 0
		if p.TxnFirst >= end {
			p.TxnFirst, p.TxnSince = -1, 0
		}
		for p.N > 0 && p.Batches[p.N-1].LastOffset >= end {
			p.N--
			p.Batches[p.N] = ProducerBatch{}
		}
		return had && p.N == 0 && p.TxnFirst < 0
	})
}

// remove deletes those that match; an empty list holds no memory.
func (s *producerStates) remove(match func(*ProducerState) bool) {
	*s = slices.DeleteFunc(*s, match)
	if len(*s) == 0 {
		*s = nil
	}
}
