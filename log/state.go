package log

import (
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// EpochStart says at which offset a leader epoch began (KIP-101).
type EpochStart struct {
	Epoch model.LeaderEpoch
	Start model.Offset
}

// partitionState is all that the log knows of a partition beside its index:
// pure data, changed by the entries of the log in log order and by nothing
// else. The writer and recovery call the same apply methods, so that a state
// replayed from a checkpoint equals the one that lived.
type partitionState struct {
	start, end model.Offset
	epochs     []EpochStart      // ascending by both
	lastEpoch  model.LeaderEpoch // highest of any entry, also of one that was cut; -1 if none
	producers  producerStates
	aborted    abortedTxns // what of it a reader may still ask for
	totals     indexTotals
	at         entryPositions
	// hole is how many offsets directly below end are lost to damage, with the
	// epoch that they had. It is not kept over restarts: a consumer that has to
	// learn of a cut below it (KIP-320) may then not.
	hole    model.Offset
	cleaned *cleanedState // what compaction left; nil: it left nothing. It is replaced, never changed
}

// cleanedState is what compaction left, and what of it damage took.
type cleanedState struct {
	cleanedPart
	lost []offsetRange
}

// cleanedPart is what compaction left.
func (s *partitionState) cleanedPart() cleanedPart {
	if s.cleaned == nil {
		return cleanedPart{}
	}
	return s.cleaned.cleanedPart
}

// cleanedLost is what damage took of that.
func (s *partitionState) cleanedLost() []offsetRange {
	if s.cleaned == nil {
		return nil
	}
	return s.cleaned.lost
}

func (s *partitionState) setCleaned(c cleanedPart, lost []offsetRange) {
	if s.cleaned = nil; c != (cleanedPart{}) || len(lost) > 0 {
		s.cleaned = &cleanedState{c, lost}
	}
}

// cutCleaned has nothing be cleaned from an offset on.
func (s *partitionState) cutCleaned(to model.Offset) {
	if c := s.cleanedPart(); c.to > to {
		c.to = to
		s.setCleaned(c, s.cleanedLost())
	}
}

// indexTotals is what the next index entry builds on.
type indexTotals struct {
	runningMax int64  // largest timestamp of all batches below end
	bytes      uint64 // index.Entry.TotalBytes of the last batch
	startBytes uint64 // the same of the last batch that lies wholly below start
}

// noTimestamp is less than every timestamp.
const noTimestamp = math.MinInt64

func newPartitionState() partitionState {
	return partitionState{
		lastEpoch: -1,
		totals:    indexTotals{runningMax: noTimestamp},
		at:        entryPositions{noPosition, noPosition, noPosition, noPosition, noPosition},
	}
}

// size is the length of the batches between start and end.
func (s *partitionState) size() int64 { return int64(s.totals.bytes - s.totals.startBytes) }

// applyBatches takes what one entry appended. A base above end is a hole that
// damage left and is taken as it is; a base below end must have been made one
// by applyTruncate before.
func (s *partitionState) applyBatches(b *batchesApplied, producersMax int) {
	if len(b.Headers) == 0 {
		return
	}
	base := b.Headers[0].BaseOffset
	if base == s.end {
		base -= s.hole
	}
	s.beginEpoch(b.Epoch, base)
	s.raiseEpoch(b.Epoch)
	controls := b.Controls
	for i := range b.Headers {
		h := &b.Headers[i]
		s.totals.runningMax = max(s.totals.runningMax, h.MaxTimestamp)
		s.totals.bytes += uint64(h.Size)
		var control controlBatch
		if h.IsControl() {
			control, controls = controls[0], controls[1:]
		}
		s.takeProducer(h, &control, b.AppendTime, producersMax)
	}
	s.end = b.Headers[len(b.Headers)-1].LastOffset() + 1
	s.hole = 0
	if s.at.Batches = b.Entry; b.Log != mainLog {
		s.at.Batches = b.Stood
	}
}

// beginEpoch takes note that an epoch begins, if it is a new one.
func (s *partitionState) beginEpoch(epoch model.LeaderEpoch, start model.Offset) {
	if n := len(s.epochs); n == 0 || s.epochs[n-1].Epoch < epoch {
		s.epochs = append(s.epochs, EpochStart{epoch, start})
	}
}

// applyHole raises the end: damage took what was there, and nobody knows of
// which epoch it was. It counts as of the newest that it can be of: the one
// behind it, or that of a truncation before it. A consumer of an older epoch
// may have read records that were cut there, and that must not seem to stand
// in the hole.
func (s *partitionState) applyHole(end model.Offset) {
	if end <= s.end {
		return
	}
	s.hole += end - s.end
	s.end = end
	if len(s.epochs) > 0 {
		s.beginEpoch(s.lastEpoch, s.end-s.hole)
	}
}

// applyTruncate lowers the end to at most end. totals is that of the batches
// that remain. A partition that was cut below its start starts there.
func (s *partitionState) applyTruncate(end model.Offset, totals indexTotals) {
	cleaned := s.cleanedPart().to
	s.cutCleaned(end)
	if end >= s.end {
		return
	}
	s.hole = max(0, s.hole-(s.end-end))
	s.end = end
	s.start = min(s.start, end)
	n := len(s.epochs)
	for n > 0 && s.epochs[n-1].Start >= end {
		n--
	}
	s.epochs = s.epochs[:n:n]
	s.truncateTransactions(end, cleaned)
	s.producers.truncate(end)
	s.totals = totals
}

// applyCleanedTo takes what a compaction left. Damage that took some of an
// earlier run is over: that was given up, or the compaction had refused.
func (s *partitionState) applyCleanedTo(c cleanedPart) { s.setCleaned(c, nil) }

// applyLogStart raises the start. startBytes is what stands wholly below it.
// The epoch that holds the new start begins there from now on, as in Kafka.
func (s *partitionState) applyLogStart(start model.Offset, startBytes uint64) {
	if start <= s.start {
		return
	}
	s.start = start
	s.end = max(s.end, start)
	s.hole = min(s.hole, s.end-start)
	s.totals.startBytes = startBytes
	s.aborted.forget(start)
	first := 0
	for first+1 < len(s.epochs) && s.epochs[first+1].Start <= start {
		first++
	}
	if len(s.epochs) > 0 {
		// A copy: readers may hold the old slice.
		s.epochs = slices.Clone(s.epochs[first:])
		s.epochs[0].Start = max(s.epochs[0].Start, start)
	}
}

// adopt takes over what a partition-state entry or a checkpoint says. Totals
// stay its own: they belong to the index that is there.
func (s *partitionState) adopt(o partitionState) {
	totals, at := s.totals, s.at
	*s = o
	s.totals, s.at = totals, at
}

func (s *partitionState) raiseEpoch(epoch model.LeaderEpoch) { s.lastEpoch = max(s.lastEpoch, epoch) }

// epochEnd answers "where did this leader epoch end?" (KIP-101, KIP-320): at
// the start of the next higher epoch that the log holds, else at end. The
// epoch returned is the largest that the log holds and that is not above the
// one asked for; where there is none, the one asked for.
//
// Unlike Kafka it has an answer for epochs above all it holds: one whose
// records a power cut took from an async topic, and a client that consumed
// them must learn that the log is shorter now.
func epochEnd(epochs []EpochStart, end model.Offset, epoch model.LeaderEpoch) EpochStart {
	next, _ := slices.BinarySearchFunc(epochs, epoch, func(e EpochStart, asked model.LeaderEpoch) int {
		if e.Epoch <= asked {
			return -1
		}
		return 1
	})
	answer := EpochStart{Epoch: epoch, Start: end}
	if next < len(epochs) {
		answer.Start = epochs[next].Start
	}
	if next > 0 {
		answer.Epoch = epochs[next-1].Epoch
	}
	return answer
}

// sequenced reports whether a batch has a place in its producer's sequence. A
// transaction marker names its producer but has none.
func sequenced(h *batch.Header) bool {
	return h.IsIdempotent() && h.BaseSequence >= 0 && !h.IsControl()
}
