package log

import (
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/log/index"
)

// relocate moves some of a partition's batches, as far as index files speak of
// them; a truncation or a log start may come between the look and the move. It
// is none of a checkpoint's business, so none is under way.
func (w *partitionWorld) relocate(r *rapid.T) {
	if w.pendingModels != nil {
		return
	}
	p, _ := w.partition(drawPartition(r))
	source := logID(rapid.Uint8Range(0, 2).Draw(r, "source"))
	to := logID(rapid.Uint8Range(1, 2).Draw(r, "to"))
	it, err := p.iterate(p.Start())
	if err != nil {
		r.Fatal(err)
	}
	defer it.close()
	var moved []movedBatch
	for {
		e, fromDisk, ok, err := it.next()
		if err != nil {
			r.Fatal(err)
		}
		if !ok || !fromDisk {
			break
		}
		if logID(e.Log) != source || rapid.IntRange(0, 3).Draw(r, "stay") == 0 {
			continue
		}
		at := w.position + 104
		w.batches[at] = w.batches[Position(e.Position)]
		w.position = (at + Position(e.Length) + 7) &^ 7
		moved = append(moved, movedBatch{base: e.BaseOffset, from: Position(e.Position), to: place{to, at}, distance: 104})
	}
	if len(moved) == 0 {
		return
	}
	x, err := p.patchOf(source, moved)
	if err != nil {
		r.Fatal(err)
	}
	f, err := w.files.writePatches([]patch{x})
	if err != nil {
		r.Fatal(err)
	}
	switch rapid.IntRange(0, 3).Draw(r, "meanwhile") {
	case 0:
		w.truncate(r)
	case 1:
		w.logStart(r)
	case 2:
		w.append(r)
	}
	valid := p.patched(f, 0, &x)
	w.files.add(f)
	w.checkMoved(r, p, &x, valid)
}

// checkMoved: the index speaks of the new places from now on.
func (w *partitionWorld) checkMoved(r *rapid.T, p *PartitionLog, x *patch, valid index.Range) {
	for i := range x.entries {
		want := x.entries[i]
		if want.BaseOffset < valid.From || want.LastOffset() >= valid.To {
			continue
		}
		if got, err := p.entryAt(want.BaseOffset); err != nil || got != want {
			r.Fatalf("partition %d: %+v, want %+v; %v", p.ID(), got, want, err)
		}
	}
}
