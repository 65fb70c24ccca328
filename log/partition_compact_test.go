package log

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// compact keeps some of a partition's batches below an offset, in another place;
// a log start or an append may come between the plan and the change.
func (w *partitionWorld) compact(r *rapid.T) {
	if w.pendingModels != nil {
		return
	}
	p, m := w.partition(drawPartition(r))
	before := p.cleaned().to
	var borders []model.Offset
	for _, b := range m.live() {
		if to := b.last + 1; to > before {
			borders = append(borders, to)
		}
	}
	if len(borders) == 0 {
		return
	}
	to := rapid.SampledFrom(borders).Draw(r, "compact to")
	entries, gone := w.keepSome(r, p, to)
	x, err := p.planInstall(to, entries)
	if err != nil {
		r.Fatal(err)
	}
	f, err := w.files.writePatches([]patch{x.patch})
	if err != nil {
		r.Fatal(err)
	}
	switch rapid.IntRange(0, 2).Draw(r, "meanwhile") {
	case 0:
		w.logStart(r)
	case 1:
		w.append(r)
	}
	w.position += 120
	p.applyCleanedTo(w.position, cleanedPart{run: w.position, to: to, end: to, entries: 1}, m.lastEpoch)
	x.install(f, 0)
	w.files.add(f)
	m.batches = slices.DeleteFunc(m.batches, func(b modelBatch) bool { return slices.Contains(gone, b.base) })
	m.aborted = slices.DeleteFunc(m.aborted, func(t AbortedTxn) bool { return t.Last < to })
}

// keepSome copies some of the batches below an offset.
func (w *partitionWorld) keepSome(r *rapid.T, p *PartitionLog, to model.Offset) (kept []index.Entry, gone []model.Offset) {
	it, err := p.iterate(p.Start())
	if err != nil {
		r.Fatal(err)
	}
	defer it.close()
	for {
		e, _, ok, err := it.next()
		if err != nil {
			r.Fatal(err)
		}
		if !ok || e.LastOffset() >= to {
			return kept, gone
		}
		if rapid.IntRange(0, 2).Draw(r, "gone") == 0 {
			gone = append(gone, e.BaseOffset)
			continue
		}
		at := w.position + entryHeaderSize + cleanedPrefixSize
		w.batches[at] = w.batches[Position(e.Position)]
		w.position = (at + Position(e.Length) + 7) &^ 7
		e.Log, e.Position, e.EntryDistance = uint8(sideLog(p.id)), uint64(at), entryHeaderSize+cleanedPrefixSize
		kept = append(kept, e)
	}
}
