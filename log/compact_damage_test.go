package log

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// compactedFixture is a log whose partition 1 was compacted below offset 30, but
// for the batch at 9, into a run of several entries.
func compactedFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, relocating())
	for range 12 {
		f.append(3000, 1)
	}
	f.compact(1, 31, func(base, _ model.Offset) cleaned {
		if base == 9 {
			return keepNone
		}
		return keepAll
	})
	return f
}

// sideEntries are the entries of runs.
func (f *fixture) sideEntries() (list []entryHeader) {
	f.t.Helper()
	for _, name := range f.files(sidePrefix) {
		s, err := openSegment(f.disk.fs, f.disk.dir, name)
		if err != nil {
			f.t.Fatal(err)
		}
		_, err = scanCold(s, 0, func(it *scanItem) error {
			if it.Header.Kind == KindCleaned {
				list = append(list, it.Header)
			}
			return nil
		})
		if s.Release(); err != nil {
			f.t.Fatal(err)
		}
	}
	return list
}

// flipSide damages a byte of a side segment.
func (f *fixture) flipSide(at Position) {
	f.t.Helper()
	for _, name := range f.files(sidePrefix) {
		h, _ := parseColdName(name)
		if at >= h.First && at < h.First+Position(f.cfg.SegmentBytes) {
			f.edit(name, func(b []byte) { b[segmentHeaderSize+int(at-h.First)] ^= 1 })
			return
		}
	}
	f.t.Fatalf("no file holds %d", at)
}

// kept are the offsets of the compacted partition's batches, without some.
func (f *fixture) kept(gone ...model.Offset) (bases []model.Offset) {
	for _, base := range without(f.ends[1], 9) {
		if !slices.Contains(gone, base) {
			bases = append(bases, base)
		}
	}
	return bases
}

func (f *fixture) reads(want []model.Offset) {
	f.t.Helper()
	if got, err := offsetsFrom(f.t, f.log.Partition(1), 0); err != nil || !slices.Equal(got, want) {
		f.t.Errorf("read %v, %v; want %v", got, err, want)
	}
}

// Damage in a side segment is found, and fenced by itself; gaps that compaction
// left are none. A partition with damage is compacted once that was given up.
func TestDamageInASideSegment(t *testing.T) {
	for _, rebuilt := range []bool{false, true} {
		f := compactedFixture(t)
		f.reads(f.kept())
		f.close()
		if r := f.lookAt(); r.Damaged() || len(r.Lost) > 0 || r.ColdBatches != 9 {
			t.Fatalf("%+v", r)
		}
		hit := f.sideEntries()[1]
		f.flipSide(hit.Position + entryHeaderSize + cleanedPrefixSize + 100)
		if rebuilt {
			f.remove(indexSuffix)
			f.remove(checkpointPrefix)
		}
		from, to := hit.BaseOffset, hit.BaseOffset+model.Offset(hit.LastDelta)+1
		r := f.lookAt()
		if len(r.Lost) == 0 || r.Lost[0].From > from || r.Lost[len(r.Lost)-1].To < to || r.Lost[0].Records >= 0 || !strings.Contains(texts(r, SeverityDamage), sidePrefix) {
			t.Errorf("rebuilt %v: lost %+v, %s", rebuilt, r.Lost, texts(r, SeverityDamage))
		}
		for range 2 { // and after a start with the indexes that the first has made
			f.open()
			f.scrubNow()
			if d := f.log.Damage(); d.InCold != 1 {
				t.Errorf("%+v", d)
			}
			p := f.log.Partition(1)
			if _, err := offsetsFrom(t, p, from); !errors.Is(err, ErrCorrupt) {
				t.Errorf("rebuilt %v: read of the damaged offsets: %v", rebuilt, err)
			}
			if got, err := offsetsFrom(t, p, to); err != nil || len(got) == 0 {
				t.Errorf("rebuilt %v: behind the damage: %v, %v", rebuilt, got, err)
			}
			if _, err := p.Compact(noOffset, &pickCleaner{keep: thirds}, Pace{}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("rebuilt %v: compacted with damage: %v", rebuilt, err)
			}
			f.close()
		}
		f.salvage(SalvageOptions{})
		if r := f.lookAt(); r.Damaged() {
			t.Errorf("rebuilt %v: after the salvage: %s", rebuilt, texts(r, SeverityDamage))
		}
		f.open()
		var gone []model.Offset
		for base := from; base < to; base += 3 {
			gone = append(gone, base)
		}
		f.reads(f.kept(gone...))
		all := func(_, _ model.Offset) cleaned { return keepAll }
		if done, err := f.log.Partition(1).Compact(noOffset, &pickCleaner{keep: all}, Pace{}); err != nil || done.To != 33 {
			t.Errorf("rebuilt %v: %+v, %v", rebuilt, done, err)
		}
		f.reads(f.kept(gone...))
		f.restart()
		f.reads(f.kept(gone...))
		f.close()
		f.remove(indexSuffix)
		f.open()
		f.reads(f.kept(gone...))
		f.close()
	}
}

// A damaged cleaned-to entry does not bring back what was cleaned: a rebuild
// finds the run that it named.
func TestDamagedCleanedTo(t *testing.T) {
	for _, at := range []Position{40, entryHeaderSize + 3} {
		f := compactedFixture(t)
		f.append(300, 1, 2)
		f.relocate() // the originals are gone
		f.close()
		list := f.entries()
		hit := slices.IndexFunc(list, func(h entryHeader) bool { return h.Kind == KindCleanedTo })
		if hit < 0 {
			t.Fatal("no cleaned-to entry is left")
		}
		f.flip(list[hit].Position + at)
		f.remove(indexSuffix)
		f.remove(checkpointPrefix)
		if found := f.open(); len(found.Corrupt) == 0 {
			t.Errorf("%+v", found)
		}
		f.reads(f.kept())
		if c := f.log.Partition(1).cleaned(); c.to != 30 || c.entries == 0 || c.run == noPosition {
			t.Errorf("%+v", c)
		}
		f.restart()
		f.reads(f.kept())
		f.close()
	}
}

// Where no whole run is found for a damaged cleaned-to entry, the one before
// counts; what is missing at its end is lost, and no gap that compaction left,
// whatever else was found.
func TestGuessFallsBackToARunWithoutItsEnd(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(500, 1)
	before, damaged := cleanedPart{run: 4096, to: 30, end: 30, entries: 2}, cleanedPart{run: noPosition, to: 60}
	f.log.Partition(1).mu.state.setCleaned(damaged, nil) // as replay has left it
	found := &foundRun{
		partition: f.log.Partition(1), part: damaged,
		guess: &guessedRun{to: 60, before: before},
	}
	take := func(at Position, base model.Offset, prefix cleanedPrefix) {
		found.take(&scanItem{
			At: at, Payload: prefix.encode(),
			Header: entryHeader{Position: at, entryIdentity: entryIdentity{Partition: 1, Kind: KindCleaned, BaseOffset: base, LastDelta: 9}},
		}, &segment{segmentHeader: segmentHeader{Log: sideLog(1)}}, false)
	}
	take(4096, 0, cleanedPrefix{run: 4096, to: 30})
	take(8192, 0, cleanedPrefix{run: 8192, to: 60}) // and more that never came
	found.sort()
	r := &recovery{log: f.log}
	if !r.decide(found) || found.part != before {
		t.Fatalf("decided on %+v", found.part)
	}
	if got, want := found.lost(0), []offsetRange{{10, 30}}; !slices.Equal(got, want) {
		t.Errorf("lost %v, want %v", got, want)
	}
	f.close()
}

// What the largest timestamp was is found among what is left.
func TestLookupsOfACompactedPartition(t *testing.T) {
	f := newFixture(t, relocating())
	put := func(ts int64) {
		t.Helper()
		b, h := makeBatch(t, f.ends[1], 1, 50)
		setMaxTimestamp(b, &h, ts)
		w := newWaiter()
		f.log.Enqueue(newAppend(f.log.Partition(1), b, h, 0, w))
		if err := w.err(); err != nil {
			t.Fatal(err)
		}
		f.want[1], f.ends[1] = append(f.want[1], b...), f.ends[1]+1
	}
	for _, ts := range []int64{10, 50, 90, 30, 20, 40} {
		put(ts)
	}
	done, err := f.log.Partition(1).Compact(noOffset, &pickCleaner{keep: func(base, _ model.Offset) cleaned {
		if base == 2 { // the one of 90
			return keepNone
		}
		return keepAll
	}}, Pace{})
	if err != nil || done.To != 5 {
		t.Fatal(done, err)
	}
	for _, start := range []func(){func() {}, func() { f.restart() }, func() { f.rebuild() }} {
		start()
		p := f.log.Partition(1)
		_, best, ok, err := p.maxBatch(0, p.End())
		if err != nil || !ok || best.BaseOffset != 1 {
			t.Errorf("the largest is at %+v, %v %v", best, ok, err)
		}
		for ts, want := range map[int64]model.Offset{5: 0, 10: 0, 11: 1, 50: 1} {
			if got, ok, err := p.FirstAtOrAfter(ts, p.End()); err != nil || !ok || got.Offset != want {
				t.Errorf("from %d on: %+v %v %v, want %d", ts, got, ok, err, want)
			}
		}
		if got, ok, err := p.FirstAtOrAfter(51, p.End()); err != nil || ok {
			t.Errorf("from 51 on: %+v, %v", got, err)
		}
		c, err := p.Cleanable(noOffset)
		if want := int64(4 * (50 + 61)); err != nil || c.CleanedTo != 5 || c.CleanBytes != want || c.DirtyBytes != 0 || c.WaitingBytes != 50+61 {
			t.Errorf("%+v, %v", c, err)
		}
	}
	put(60)
	put(70)
	c, err := f.log.Partition(1).Cleanable(noOffset)
	if err != nil || c.DirtyBytes != 2*(50+61) || c.WaitingBytes != 50+61 || c.FirstDirtyMaxTime != 40 || c.FirstDirtyAppend == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	f.close()
}
