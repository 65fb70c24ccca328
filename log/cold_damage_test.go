package log

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// moved makes a log of which partitions 1 and 4 live in the cold log, but for
// their ends.
func moved(t *testing.T) *fixture {
	t.Helper()
	f := kept(t)
	if f.relocate() == 0 {
		t.Fatal("nothing was relocated")
	}
	return f
}

// coldEntries are the entries of the cold log that hold batches.
func (f *fixture) coldEntries() (list []entryHeader) {
	f.t.Helper()
	for _, name := range f.files(coldPrefix) {
		s, err := openSegment(f.disk.fs, f.disk.dir, name)
		if err != nil {
			f.t.Fatal(err)
		}
		_, err = scanCold(s, 0, func(it *scanItem) error {
			if it.Header.Kind == KindRelocated {
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

// flipCold damages a byte of the one file of the cold log.
func (f *fixture) flipCold(at Position) {
	f.t.Helper()
	names := f.files(coldPrefix)
	if len(names) != 1 {
		f.t.Fatal(names)
	}
	h, _ := parseColdName(names[0])
	f.edit(names[0], func(b []byte) { b[segmentHeaderSize+int(at-h.First)] ^= 1 })
}

func TestCheckReadsTheColdLog(t *testing.T) {
	f := moved(t)
	f.close()
	for _, state := range []string{"clean", "killed", "without indexes"} {
		r := f.lookAt()
		if r.Damaged() || len(r.Lost) > 0 || r.ColdSegments != 1 || r.ColdBatches < 20 || r.ColdBytes == 0 {
			t.Errorf("%s: %+v", state, r)
		}
		switch state {
		case "clean":
			f.open()
			f.kill()
			f.killWithoutCheckpoint()
		case "killed":
			f.open()
			f.close()
			f.remove(indexSuffix)
			f.remove(checkpointPrefix)
		}
	}
}

// Damage in the cold log is found by check and scrub, and fenced by itself; the
// same Positions of the main log are not. A salvage gives it up.
func TestDamageInTheColdLog(t *testing.T) {
	for name, where := range map[string]Position{"header": 40, "payload": entryHeaderSize + 100} {
		t.Run(name, func(t *testing.T) {
			f := moved(t)
			f.close()
			hit := f.coldEntries()[3]
			f.flipCold(hit.Position + where)
			damaged := PositionRange{hit.Position, hit.end()}
			lost := LostRange{Topic: "topic", Index: int32(hit.Partition), Partition: hit.Partition, From: hit.BaseOffset, To: hit.BaseOffset + 3, Records: 3}
			r := f.lookAt()
			if !slices.Equal(r.Lost, []LostRange{lost}) {
				t.Errorf("lost %+v, want %+v", r.Lost, lost)
			}
			if got := texts(r, SeverityDamage); !strings.Contains(got, "cold log: ") || !strings.Contains(got, coldPrefix) || r.Refused != "" {
				t.Errorf("found %q", got)
			}
			f.open()
			for range 2 {
				f.scrubNow()
				if d := f.log.Damage(); d.Ranges != 1 || d.InCold != 1 || d.First != damaged {
					t.Errorf("%+v, want %v", d, damaged)
				}
			}
			p := f.log.Partition(hit.Partition)
			if _, err := offsetsFrom(t, p, hit.BaseOffset); !errors.Is(err, ErrCorrupt) {
				t.Errorf("read of the damaged offsets: %v", err)
			}
			if got, err := offsetsFrom(t, p, hit.BaseOffset+3); err != nil || len(got) == 0 {
				t.Errorf("behind the damage: %v, %v", got, err)
			}
			f.close()
			f.passes(t, &hit, 1)
			f.remove(indexSuffix)
			f.remove(checkpointPrefix)
			f.passes(t, &hit, 0)
		})
	}
}

// passes salvages, and sees that consumers go on behind what was given up.
func (f *fixture) passes(t *testing.T, lost *entryHeader, given int) {
	t.Helper()
	if plan := f.salvage(SalvageOptions{}); len(plan.Lost) != given {
		t.Errorf("given up: %+v", plan.Lost)
	}
	if r := f.lookAt(); r.Damaged() {
		t.Errorf("after the salvage: %s", texts(r, SeverityDamage))
	}
	f.open()
	p := f.log.Partition(lost.Partition)
	got, err := offsetsFrom(t, p, p.Start())
	if want := without(f.ends[lost.Partition], lost.BaseOffset); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, %v; want %v", got, err, want)
	}
	f.scrubNow()
	if d := f.log.Damage(); d.Ranges != 0 || d.Given == 0 {
		t.Errorf("%+v", d)
	}
	f.close()
}

// Without a segment of the cold log a start is refused; a salvage puts an empty
// one in its place, and gives up what it held.
func TestMissingColdSegment(t *testing.T) {
	f := moved(t)
	f.close()
	f.remove(coldPrefix)
	if _, _, err := Open(f.cfg, f.disk.env()); !errors.Is(err, errMissing) {
		t.Fatalf("opened with %v", err)
	}
	r := f.lookAt()
	if got := texts(r, SeverityDamage); r.Refused == "" || !strings.Contains(got, "1 segment files of the cold log are missing") {
		t.Errorf("found %q", got)
	}
	f.salvage(SalvageOptions{})
	if r := f.lookAt(); r.Damaged() || r.Refused != "" {
		t.Errorf("after the salvage: %q", texts(r, SeverityDamage))
	}
	f.open()
	for _, id := range []model.PartitionID{1, 4} {
		p := f.log.Partition(id)
		if got, err := offsetsFrom(t, p, 0); err != nil || len(got) == 12 {
			t.Errorf("partition %d: read %v, %v", id, got, err)
		}
	}
	f.append(300, 1, 4)
	f.close()
}

// A cold segment that has lost its end is damaged there; nothing is out of range.
func TestShortColdSegment(t *testing.T) {
	f := moved(t)
	f.close()
	list := f.coldEntries()
	name := f.files(coldPrefix)[0]
	h, _ := parseColdName(name)
	cut := list[len(list)/2]
	file := mustOpenFile(t, f.mem(), path.Join(f.disk.dir, name))
	if err := file.Truncate(segmentHeaderSize + int64(cut.Position-h.First) + 8); err != nil {
		t.Fatal(err)
	}
	if r := f.lookAt(); len(r.Lost) == 0 || !strings.Contains(texts(r, SeverityDamage), "cold log: ") {
		t.Errorf("%+v", r)
	}
	f.open()
	if _, err := offsetsFrom(t, f.log.Partition(cut.Partition), cut.BaseOffset); !errors.Is(err, ErrCorrupt) {
		t.Errorf("read what the file has lost: %v", err)
	}
	f.close()
	f.salvage(SalvageOptions{})
	if r := f.lookAt(); r.Damaged() {
		t.Errorf("after the salvage: %q", texts(r, SeverityDamage))
	}
	f.open()
	if _, err := offsetsFrom(t, f.log.Partition(cut.Partition), 0); err != nil {
		t.Error(err)
	}
	f.close()
}

// What was given up in an old segment stays there, and what lives around it
// moves: the same is read before and after, also once the indexes are made anew.
func TestRelocateAroundDamage(t *testing.T) {
	for name, do := range map[string]SalvageOptions{"indexes kept": {}, "indexes dropped": {DropIndexes: true}} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, relocating())
			for range 12 {
				f.append(300, 1, 4)
				for range 6 {
					f.append(3000, 2, 3)
				}
			}
			f.close()
			hits := f.batchEntries()
			hit := hits[slices.IndexFunc(hits, func(h entryHeader) bool { return h.Partition == 1 && h.BaseOffset == 9 })]
			f.flip(hit.Position + entryHeaderSize + 100)
			f.salvage(do)
			f.open()
			reads := func(when string) {
				t.Helper()
				got, err := offsetsFrom(t, f.log.Partition(1), 0)
				if want := without(f.ends[1], hit.BaseOffset); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: read %v, %v; want %v", when, got, err, want)
				}
			}
			reads("salvaged")
			f.deleteAll(2, 3)
			if f.relocate() == 0 || len(f.files(coldPrefix)) == 0 {
				t.Fatal("nothing was relocated")
			}
			reads("relocated")
			f.restart()
			reads("restarted")
			f.close()
			f.remove(indexSuffix)
			f.remove(checkpointPrefix)
			if r := f.lookAt(); r.Damaged() {
				t.Errorf("%s", texts(r, SeverityDamage))
			}
			f.open()
			reads("rebuilt")
			f.close()
			if r := f.lookAt(); r.Damaged() {
				t.Errorf("%s", texts(r, SeverityDamage))
			}
		})
	}
}
