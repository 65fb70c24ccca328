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
		f.take(&it, &segment{segmentHeader: segmentHeader{Log: sideLog(1)}}, false)
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

// Where the entry that named a run is damaged, and the run is not whole, the one
// before counts: as far as a truncation has left it since.
func TestDamagedCleanedToBehindATruncation(t *testing.T) {
	all := func(_, _ model.Offset) cleaned { return keepAll }
	f := newFixture(t, relocating())
	for range 12 {
		f.append(3000, 1)
	}
	f.compact(1, 31, all)
	for range 10 {
		f.append(3000, 1)
	}
	f.compact(1, 61, all)
	last := f.sideEntries()[len(f.sideEntries())-1]
	if err := f.control(1, KindTruncate, 21, 5); err != nil {
		t.Fatal(err)
	}
	f.want[1], f.ends[1] = f.want[1][:7*len(f.want[1])/22], 21
	f.append(2000, 1, 1, 1)
	f.close()
	list := f.entries()
	named := slices.IndexFunc(list, func(h entryHeader) bool { return h.Kind == KindCleanedTo && h.BaseOffset == 60 })
	if named < 0 {
		t.Fatal("no cleaned-to entry is left")
	}
	f.flip(list[named].Position + entryHeaderSize + 3)
	f.flipSide(last.Position + entryHeaderSize + cleanedPrefixSize + 100)
	f.remove(indexSuffix)
	f.remove(checkpointPrefix)
	f.open()
	if c := f.log.Partition(1).cleaned(); c.to != 21 || c.run == noPosition {
		t.Errorf("%+v", c)
	}
	f.check()
	f.checkpoint()
	f.restart()
	f.check()
	f.close()
}
