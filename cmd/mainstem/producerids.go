package main

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/model"
)

const (
	// producerIDsLostMax bounds how many ids older metadata is believed to have
	// given since: clients can make ids up, and one that is near the largest
	// number would leave none to give. It is more than a start can need, and little
	// beside all there are.
	producerIDsLostMax = model.ProducerID(1) << 40
	// producerIDsSpare is how many above the highest id in the log are not given
	// either: who has them may have written nothing yet.
	producerIDsSpare = model.ProducerID(1) << 20
)

// passProducerIDs goes on above the producer ids that the log knows of. The
// metadata has given them all, unless it is older than the log, as after a
// backup was put back. An id that is given twice makes a new producer's first
// batches look like its forerunner's: they are taken for repeated ones, or for
// ones out of order.
func (b *broker) passProducerIDs() error {
	next := b.meta.Image().NextProducerID()
	highest := b.commitLog.HighestProducer(next + producerIDsLostMax)
	if highest < next {
		return nil
	}
	to := highest + 1 + producerIDsSpare
	if err := b.meta.PassProducerIDs(to); err != nil {
		return fmt.Errorf("producer ids: the log knows of %d, the metadata would give %d next: %w", highest, next, err)
	}
	b.log.Warn("the log knows of producer ids that the metadata has not given: either it is older than the log, then restart "+
		"producers that ran before it was put back, or a client makes them up",
		zap.Int64("highest", int64(highest)), zap.Int64("next_was", int64(next)), zap.Int64("next", int64(to)))
	return nil
}
