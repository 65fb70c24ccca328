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
	LastTime int64                             // append time of its newest batch, ms
	N        int                               // batches in use
	Batches  [ProducerBatchesMax]ProducerBatch // oldest first, [:N]
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

// apply takes note of a batch. It judges nothing: sequences were compared
// before the append. A newer epoch, also one that a transaction marker
// carries, makes the older one's batches unrepeatable.
func (s *producerStates) apply(h *batch.Header, appendTime int64, producersMax int) {
	if !h.IsIdempotent() {
		return
	}
	i, ok := s.find(h.ProducerID)
	if !ok {
		if s.limit(producersMax) {
			i, _ = s.find(h.ProducerID)
		}
		*s = slices.Insert(*s, i, &ProducerState{ID: h.ProducerID, Epoch: h.ProducerEpoch})
	}
	p := (*s)[i]
	if p.Epoch != h.ProducerEpoch {
		*p = ProducerState{ID: p.ID, Epoch: h.ProducerEpoch}
	}
	p.LastTime = appendTime
	if !sequenced(h) {
		return
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
}

// addSequence wraps around from the largest sequence to 0 (KIP-98).
func addSequence(s, delta int32) int32 {
	return int32((int64(s) + int64(delta)) & math.MaxInt32)
}

// limit makes room for one more: the least recently used sixteenth goes, so
// that a client that invents an id for every batch does not cost a search of
// all states each time. It reports whether it removed any.
func (s *producerStates) limit(producersMax int) bool {
	n := len(*s)
	if producersMax <= 0 || n < producersMax {
		return false
	}
	gone := n - producersMax + max(1, producersMax/16)
	byAge := slices.Clone(*s)
	slices.SortFunc(byAge, func(a, b *ProducerState) int {
		return cmp.Or(cmp.Compare(a.LastTime, b.LastTime), cmp.Compare(a.ID, b.ID))
	})
	last := byAge[gone-1]
	s.remove(func(p *ProducerState) bool {
		return cmp.Or(cmp.Compare(p.LastTime, last.LastTime), cmp.Compare(p.ID, last.ID)) <= 0
	})
	return true
}

// expire forgets the producers whose newest batch is older than before, ms.
func (s *producerStates) expire(before int64) int {
	n := len(*s)
	s.remove(func(p *ProducerState) bool { return p.LastTime < before })
	return n - len(*s)
}

// truncate forgets batches that reach to end or above, and producers of which
// nothing is left: what they did before their last five batches is not known.
func (s *producerStates) truncate(end model.Offset) {
	s.remove(func(p *ProducerState) bool {
		n := p.N
		for p.N > 0 && p.Batches[p.N-1].LastOffset >= end {
			p.N--
			p.Batches[p.N] = ProducerBatch{}
		}
		return n > 0 && p.N == 0
	})
}

// remove deletes those that match; an empty list holds no memory.
func (s *producerStates) remove(match func(*ProducerState) bool) {
	*s = slices.DeleteFunc(*s, match)
	if len(*s) == 0 {
		*s = nil
	}
}
