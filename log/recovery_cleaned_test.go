package log

import (
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Entries of a run are found in any order, and copies among them: each counts
// once, from where it stood first.
func TestRunWithCopies(t *testing.T) {
	f := &foundRun{part: cleanedPart{run: 7, to: 90, end: 90, entries: 3}}
	entry := func(run Position, sequence uint32, at Position) {
		prefix := cleanedPrefix{run: run, to: 90, sequence: sequence, previousEnd: model.Offset(30 * sequence), last: sequence == 2}
		base := model.Offset(30 * sequence)
		it := scanItem{At: at, Payload: prefix.encode(), Batches: []batch.Header{{BaseOffset: base, LastOffsetDelta: 29, Size: 100}}}
		it.Header.BaseOffset, it.Header.LastDelta = base, 29
		f.take(&it, sideLog(1))
	}
	entry(7, 0, 7)
	entry(7, 2, 900)
	entry(7, 1, 1000)
	entry(8, 1, 1100) // of another run
	entry(7, 0, 1200)
	entry(7, 1, 1300)
	entry(7, 2, 1400)
	f.sort()
	var got []Position
	for _, e := range f.entries() {
		got = append(got, Position(e.Position)-Position(e.EntryDistance))
	}
	if want := []Position{7, 1000, 900}; !slices.Equal(got, want) || len(f.lost(0)) > 0 {
		t.Errorf("entries at %v, want %v; lost %v", got, want, f.lost(0))
	}
}
