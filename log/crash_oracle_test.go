package log

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// The oracle of the crash tests: what the log says it wrote, in its own order,
// is the history H. After every recovery the state must be that of H[:n] for
// one n that covers all that was promised. This one equality stands for: no
// loss, no changed value, nothing that comes back, no gap, right producers,
// right log start. It is written from the design's words, not with the log's
// own state, so that a wrong rule there is not copied here.

// crashOp is one append, as the log reported it written.
type crashOp struct {
	partition model.PartitionID
	kind      Kind
	epoch     model.LeaderEpoch
	argument  model.Offset // of truncate, log-start and cleaned-to entries
	batches   []crashBatch
	// forgotten is set for what is no entry: a rebuild found less than all of
	// the log, and took over these producers and epochs.
	forgotten *crashFound
}

func (o *crashOp) String() string {
	switch {
	case o.forgotten != nil:
		return fmt.Sprintf("p%d rebuilt", o.partition)
	case o.kind == KindBatches:
		return fmt.Sprintf("p%d [%d, %d] epoch %d", o.partition, o.batches[0].header.BaseOffset,
			o.batches[len(o.batches)-1].header.LastOffset(), o.epoch)
	default:
		return fmt.Sprintf("p%d %v %d epoch %d", o.partition, o.kind, o.argument, o.epoch)
	}
}

// crashBatch is one batch, its bytes, and the place the index gave it.
type crashBatch struct {
	header batch.Header
	bytes  []byte
	place  index.Entry
}

// crashPartition is a partition as the history makes it.
type crashPartition struct {
	start, end model.Offset
	epochs     []EpochStart
	producers  map[model.ProducerID]ProducerState // LastTime is left out
	aborted    []AbortedTxn                       // those that a reader may meet
	batches    []crashBatch                       // also those below start
	cleanedTo  model.Offset
	changed    []crashBatch // what compaction removed, or made something else of
}

// crashState is all partitions.
type crashState map[model.PartitionID]*crashPartition

func (s crashState) partition(id model.PartitionID) *crashPartition {
	p := s[id]
	if p == nil {
		p = &crashPartition{producers: map[model.ProducerID]ProducerState{}}
		s[id] = p
	}
	return p
}

// apply takes one op. It refuses a gap: offsets have none.
func (s crashState) apply(o *crashOp) error {
	p := s.partition(o.partition)
	if o.forgotten != nil {
		p.producers, p.epochs = maps.Clone(o.forgotten.producers), slices.Clone(o.forgotten.epochs)
		p.aborted = slices.Clone(o.forgotten.aborted)
		return nil
	}
	switch o.kind {
	case KindTruncate:
		p.truncate(o.argument)
	case KindLogStart:
		p.raiseStart(o.argument)
	case KindCleanedTo:
		return p.clean(o.argument)
	case KindBatches:
		base := o.batches[0].header.BaseOffset
		if base != p.end {
			return fmt.Errorf("partition %d: written at offset %d, it ended at %d", o.partition, base, p.end)
		}
		if n := len(p.epochs); n == 0 || p.epochs[n-1].Epoch < o.epoch {
			p.epochs = append(p.epochs, EpochStart{o.epoch, base})
		}
		for _, b := range o.batches {
			p.batches = append(p.batches, b)
			p.produced(&b)
			p.end = b.header.LastOffset() + 1
		}
	case KindPartitionState, KindSyncMark, KindPad, KindRelocated, KindCleaned:
	}
	return nil
}

// produced keeps the last five batches of each producer (KIP-98).
func (p *crashPartition) produced(b *crashBatch) {
	h := &b.header
	if h.ProducerID < 0 {
		return
	}
	s, known := p.producers[h.ProducerID]
	if !known {
		s = ProducerState{ID: h.ProducerID, CoordinatorEpoch: -1, LastMarker: -1, TxnFirst: -1}
	}
	if s.Epoch != h.ProducerEpoch {
		s.Epoch, s.N, s.Batches = h.ProducerEpoch, 0, [ProducerBatchesMax]ProducerBatch{}
	}
	if h.IsControl() {
		p.ended(&s, b)
		p.producers[h.ProducerID] = s
		return
	}
	if h.IsTransactional() && s.TxnFirst < 0 {
		s.TxnFirst = h.BaseOffset
	}
	if s.N == ProducerBatchesMax {
		copy(s.Batches[:], s.Batches[1:])
		s.N--
	}
	s.Batches[s.N] = ProducerBatch{
		FirstSequence: h.BaseSequence, LastSequence: h.BaseSequence + h.LastOffsetDelta,
		LastOffset: h.LastOffset(), OffsetDelta: h.LastOffsetDelta, Timestamp: h.MaxTimestamp,
	}
	s.N++
	p.producers[h.ProducerID] = s
}

// truncate lowers the end to a boundary of batches.
func (p *crashPartition) truncate(end model.Offset) {
	if end >= p.end {
		return
	}
	p.end, p.start, p.cleanedTo = end, min(p.start, end), min(p.cleanedTo, end)
	p.epochs = slices.DeleteFunc(p.epochs, func(e EpochStart) bool { return e.Start >= end })
	cut := func(b crashBatch) bool { return b.header.LastOffset() >= end }
	p.batches, p.changed = slices.DeleteFunc(p.batches, cut), slices.DeleteFunc(p.changed, cut)
	closed := p.reopen(end)
	for id, s := range p.producers {
		had := s.N > 0 || closed[id]
		for s.N > 0 && s.Batches[s.N-1].LastOffset >= end {
			s.N--
			s.Batches[s.N] = ProducerBatch{}
		}
		p.producers[id] = s
		if had && s.N == 0 && s.TxnFirst < 0 {
			delete(p.producers, id)
		}
	}
}

// raiseStart moves the log start. The epoch that holds it begins there.
func (p *crashPartition) raiseStart(start model.Offset) {
	if start <= p.start {
		return
	}
	p.start = start
	p.forgetAborted(start)
	for len(p.epochs) > 1 && p.epochs[1].Start <= start {
		p.epochs = p.epochs[1:]
	}
	if len(p.epochs) > 0 {
		p.epochs[0].Start = max(p.epochs[0].Start, start)
	}
}

// alive are the batches that a reader may ask for.
func (p *crashPartition) alive() []crashBatch {
	for i := range p.batches {
		if p.batches[i].header.LastOffset() >= p.start {
			return p.batches[i:]
		}
	}
	return nil
}

// replayCrashOps makes the state of a history.
func replayCrashOps(ops []*crashOp) (crashState, error) {
	s := crashState{}
	for _, o := range ops {
		if err := s.apply(o); err != nil {
			return s, err
		}
	}
	return s, nil
}

// differs says how a recovered partition is not the one that history makes; ""
// if it is. Where the indexes were rebuilt, what lay in reclaimed segments is
// forgotten: batches of producers, and epochs of which nothing is left.
func (p *crashPartition) differs(got *crashFound, rebuilt bool) string {
	switch {
	case got.start != p.start || got.end != p.end:
		return fmt.Sprintf("offsets [%d, %d), want [%d, %d)", got.start, got.end, p.start, p.end)
	case !rebuilt && !slices.Equal(got.epochs, p.epochs), !slices.Equal(heldEpochs(got.epochs), heldEpochs(p.epochs)):
		return fmt.Sprintf("epochs %v, want %v", got.epochs, p.epochs)
	case !rebuilt && !maps.Equal(got.producers, p.producers), rebuilt && !p.partOfProducers(got.producers):
		return fmt.Sprintf("producers %v, want %v", got.producers, p.producers)
	case !slices.Equal(got.aborted, p.aborted):
		return fmt.Sprintf("aborted transactions %v, want %v", got.aborted, p.aborted)
	case got.err != nil:
		return fmt.Sprintf("reading: %v", got.err)
	}
	want := p.alive()
	size := 0
	for i := range want {
		if i >= len(got.batches) {
			return fmt.Sprintf("%d batches can be read, want %d", len(got.batches), len(want))
		}
		w, g := &want[i], &got.batches[i]
		if !bytes.Equal(w.bytes, g.bytes) {
			return fmt.Sprintf("batch at offset %d: other bytes than at offset %d", w.header.BaseOffset, g.header.BaseOffset)
		}
		if what := samePlace(&w.place, &g.place); what != "" {
			return fmt.Sprintf("index entry of offset %d: %s", w.header.BaseOffset, what)
		}
		if i > 0 && g.place.RunningMax < got.batches[i-1].place.RunningMax {
			return fmt.Sprintf("the running maximum falls at offset %d", w.header.BaseOffset)
		}
		size += len(w.bytes)
	}
	if len(got.batches) > len(want) {
		return fmt.Sprintf("%d batches can be read, want %d", len(got.batches), len(want))
	}
	// See crashRun.misread.
	if got.size < int64(size) || got.size > int64(size) && !got.misread {
		return fmt.Sprintf("Bytes says %d, want %d", got.size, size)
	}
	return ""
}

// heldEpochs leaves out the epochs that hold no offset.
func heldEpochs(list []EpochStart) []EpochStart {
	var held []EpochStart
	for i, e := range list {
		if i+1 == len(list) || e.Start < list[i+1].Start {
			held = append(held, e)
		}
	}
	return held
}

// partOfProducers reports whether got is what p has but for old batches: those
// below the start may be forgotten, and those that had been pushed out by
// batches which a truncation took may be back, be it with their producer.
func (p *crashPartition) partOfProducers(got map[model.ProducerID]ProducerState) bool {
	for id, w := range p.producers {
		kept := w.Batches[:w.N]
		g, ok := got[id]
		for n := len(kept) - g.N; n > 0 && kept[0].LastOffset < p.start; n-- {
			kept = kept[1:]
		}
		if !sameTxns(&w, &g, ok) {
			return false
		}
		marked := w.LastMarker >= 0 || w.TxnFirst >= 0 // then it may be known without a batch
		if ok != (len(kept) > 0) && !marked || g.N < len(kept) || ok && g.Epoch != w.Epoch {
			return false
		}
		if !slices.Equal(kept, g.Batches[g.N-len(kept):g.N]) {
			return false
		}
	}
	for id, g := range got {
		if _, ok := p.producers[id]; !ok && !p.produces(&g) {
			return false
		}
	}
	return true
}

// produces reports whether the partition has all batches that a producer is
// said to have made there.
func (p *crashPartition) produces(s *ProducerState) bool {
	for _, b := range s.Batches[:s.N] {
		if !slices.ContainsFunc(slices.Concat(p.batches, p.changed), func(c crashBatch) bool {
			return c.header.ProducerID == s.ID && c.header.LastOffset() == b.LastOffset && c.header.BaseSequence == b.FirstSequence
		}) {
			return false
		}
	}
	return true
}

// samePlace compares index entries. What is summed up from the partition's
// beginning may differ in a rebuilt index: the beginning may be gone.
// A batch that was relocated stands elsewhere; one that was cleaned shares its
// time with others.
func samePlace(want, got *index.Entry) string {
	w, g := *want, *got
	if logID(g.Log) != mainLog {
		if logID(g.Log).isSide() {
			g.AppendTime = w.AppendTime
		}
		g.Log, g.Position, g.EntryDistance = w.Log, w.Position, w.EntryDistance
	}
	w.TotalBytes, g.TotalBytes, w.RunningMax, g.RunningMax = 0, 0, 0, 0
	switch {
	case w.Length == 0: // it was not seen when it was written
		return ""
	case w != g:
		return fmt.Sprintf("%+v, want %+v", g, w)
	case got.RunningMax < got.MaxTimestamp:
		return fmt.Sprintf("running maximum %d below its own maximum %d", got.RunningMax, got.MaxTimestamp)
	}
	return ""
}

// crashFound is what a recovered log says of a partition.
type crashFound struct {
	id         model.PartitionID
	start, end model.Offset
	epochs     []EpochStart
	producers  map[model.ProducerID]ProducerState
	aborted    []AbortedTxn
	size       int64
	misread    bool // size may be too large
	batches    []crashBatch
	err        error // of the first read that failed
}

// gatherCrashFound reads all of a partition.
func gatherCrashFound(p *PartitionLog) *crashFound {
	f := &crashFound{id: p.ID(), start: p.Start(), end: p.End(), epochs: p.Epochs(), size: p.Bytes()}
	f.producers, f.aborted = map[model.ProducerID]ProducerState{}, p.Aborted().list
	for _, s := range p.Producers() {
		s.LastTime, s.TxnSince = 0, 0
		f.producers[s.ID] = s
	}
	f.batches, f.err = readCrashBatches(p, f.start, f.end)
	return f
}
