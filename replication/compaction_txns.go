package replication

import (
	"cmp"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// abortedSpan is where the records of an aborted transaction stand: [first, last).
type abortedSpan struct{ first, last model.Offset }

// abortedBatches tells the batches between two offsets whose transactions were
// aborted. The limit is at most the last stable offset, so all of them are
// known. nil: there are none.
func abortedBatches(view log.AbortedView, from, limit model.Offset) func(*batch.Header) bool {
	list := view.Overlapping(from, limit)
	if len(list) == 0 {
		return nil
	}
	// A producer has one transaction after the other, so its spans ascend.
	spans := make(map[model.ProducerID][]abortedSpan)
	for _, t := range list {
		spans[t.Producer] = append(spans[t.Producer], abortedSpan{t.First, t.Last})
	}
	return func(h *batch.Header) bool {
		of := spans[h.ProducerID]
		i, begins := slices.BinarySearchFunc(of, h.BaseOffset, func(s abortedSpan, at model.Offset) int { return cmp.Compare(s.first, at) })
		return begins || i > 0 && h.BaseOffset < of[i-1].last
	}
}
