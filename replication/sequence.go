package replication

import (
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// producerView is what is known of one producer when a batch of it arrives:
// the newest of the pending appends, else the written state.
type producerView struct {
	known        bool
	epoch        model.ProducerEpoch
	lastSequence int32 // -1: none in this epoch
	// coordinatorEpoch is that of its newest marker; -1: there was none.
	coordinatorEpoch int32
	// recent are the batches that a retry may repeat, oldest first; at most
	// log.ProducerBatchesMax.
	recent []log.ProducerBatch
}

// duplicate is the batch, if it was taken before, that this one repeats.
func (v *producerView) duplicate(h *batch.Header) *log.ProducerBatch {
	if !v.known || h.ProducerEpoch != v.epoch || h.BaseSequence < 0 {
		return nil
	}
	last := h.LastSequence()
	for i := range v.recent {
		if b := &v.recent[i]; b.FirstSequence == h.BaseSequence && b.LastSequence == last {
			return b
		}
	}
	return nil
}

// checkSequence applies the rules of KIP-98 and KIP-360 to a batch that has a
// producer id and is no duplicate. One that the broker made has no sequence.
func checkSequence(v *producerView, h *batch.Header) *protocol.Error {
	if !v.known {
		// All that the broker knew of this producer may have been forgotten by
		// age: any sequence is taken (KIP-360), or the client could never go on.
		return nil
	}
	if h.ProducerEpoch < v.epoch {
		return protocol.Errorf(protocol.InvalidProducerEpoch,
			"producer %d sent epoch %d but epoch %d has written already: another instance took over; start with a new producer id",
			h.ProducerID, h.ProducerEpoch, v.epoch)
	}
	if h.BaseSequence < 0 {
		return nil
	}
	if h.ProducerEpoch > v.epoch {
		if h.BaseSequence != 0 {
			return protocol.Errorf(protocol.OutOfOrderSequenceNumber,
				"producer %d begins epoch %d with sequence %d; a new epoch begins with sequence 0",
				h.ProducerID, h.ProducerEpoch, h.BaseSequence)
		}
		return nil
	}
	if want := nextSequence(v.lastSequence); h.BaseSequence != want {
		return protocol.Errorf(protocol.OutOfOrderSequenceNumber,
			"producer %d epoch %d sent sequences %d to %d but %d must come next: an earlier batch is missing",
			h.ProducerID, h.ProducerEpoch, h.BaseSequence, h.LastSequence(), want)
	}
	return nil
}

func nextSequence(s int32) int32 {
	if s == math.MaxInt32 {
		return 0
	}
	return s + 1
}
