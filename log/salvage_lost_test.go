package log

import (
	"errors"
	"path"
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Offsets that were given up are never given to other records: neither when the
// indexes, which knew of them, are made anew, nor ever after.
func TestSalvagedOffsetsStayGiven(t *testing.T) {
	for name, do := range map[string]SalvageOptions{"indexes kept": {}, "indexes dropped": {DropIndexes: true}} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{})
			f.knowUpTo(4)
			f.append(500, 1, 2, 3, 1, 2, 3, 3, 3)
			f.close()
			entries := f.batchEntries()
			f.flip(entries[3].Position + 13) // two in a row: nobody knows that they
			f.flip(entries[4].Position + 13) // were the ends of 1 and 2, but the index
			if plan := f.salvage(do); len(plan.Lost) != 2 {
				t.Fatalf("lost %+v", plan.Lost)
			}
			for range 2 {
				f.open()
				for id := model.PartitionID(1); id <= 2; id++ {
					p := f.log.Partition(id)
					if p.End() < 6 {
						t.Errorf("partition %d goes on at %d: offsets are given twice", id, p.End())
					}
					next := p.End()
					if err := appendTo(t, f.log, p, next, 3, 100).err(); err != nil {
						t.Fatal(err)
					}
					if got, err := offsetsFrom(t, p, 3); err != nil || !slices.Contains(got, next) {
						t.Errorf("partition %d: of the records at %d nothing is seen: %v, %v", id, next, got, err)
					}
				}
				f.close()
				f.remove(indexSuffix)
			}
		})
	}
}

// Damage that was given up is met again where the indexes are made anew, and is
// nothing new then.
func TestSalvagedDamageIsNoNews(t *testing.T) {
	for name, harmed := range map[string]func() *fixture{
		"the log": func() *fixture {
			f := fill(t)
			f.close()
			f.flip(f.batchEntries()[3].Position + entryHeaderSize + 100)
			return f
		},
		"the cold log": func() *fixture {
			f := moved(t)
			f.close()
			f.flipCold(f.coldEntries()[3].Position + entryHeaderSize + 100)
			return f
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := harmed()
			f.salvage(SalvageOptions{DropIndexes: true})
			var told []CorruptionFound
			env := f.disk.env()
			env.Events = func(e Event) {
				if c, ok := e.(CorruptionFound); ok {
					told = append(told, c)
				}
			}
			l, found, err := Open(f.cfg, env)
			if err != nil {
				t.Fatal(err)
			}
			if len(told) != 1 || !told[0].Given || !found.RebuiltIndex || len(found.Corrupt)+len(found.ColdCorrupt) > 0 || found.GivenUp != 1 {
				t.Errorf("told %+v, found %+v", told, found)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What was given up hides the damage and nothing else, also where a truncation
// gave its offsets to other records.
func TestSalvagedOffsetsTruncated(t *testing.T) {
	f := newFixture(t, Config{})
	f.knowUpTo(3)
	f.append(500, 1, 1, 2, 1, 2, 3)
	f.close()
	f.flip(f.batchEntries()[3].Position + 13)
	f.salvage(SalvageOptions{})
	f.open()
	if err := f.control(1, KindTruncate, 3, 9); err != nil {
		t.Fatal(err)
	}
	p := f.log.Partition(1)
	for o := model.Offset(3); o < 9; o += 3 {
		if err := appendTo(t, f.log, p, o, 3, 100).err(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := offsetsFrom(t, p, 0); err != nil || !slices.Equal(got, []model.Offset{0, 3, 6}) {
		t.Errorf("read %v, %v", got, err)
	}
	f.close()
}

// What only the clean mark knew to be durable is known to the check, and to the
// start after a salvage.
func TestSalvageWithoutCheckpoints(t *testing.T) {
	f := newFixture(t, Config{})
	f.knowUpTo(3)
	f.append(500, 1, 2, 3, 3, 1, 2)
	f.close()
	f.remove(checkpointPrefix)
	hit := f.batchEntries()[5]
	f.flip(hit.Position + entryHeaderSize + 100)
	r := f.lookAt()
	if !r.Damaged() {
		t.Errorf("no damage: %s", texts(r, SeverityNote))
	}
	f.salvage(SalvageOptions{})
	f.open()
	p := f.log.Partition(2)
	if p.End() != 6 {
		t.Errorf("partition 2 ends at %d: what was acknowledged counts as torn", p.End())
	}
	f.close()
}

// Where a start is refused for what salvage can not mend, nothing is given up.
func TestSalvageOfWhatItCanNotMend(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	f.knowUpTo(3)
	f.append(1500, 1, 2, 3)
	f.close()
	f.open()
	for range 20 {
		f.append(1500, 1, 2, 3)
	}
	f.killWithoutCheckpoint()
	names := f.files(segmentSuffix)
	f.remove(names[len(names)-2]) // no checkpoint names it
	if _, _, err := Open(f.cfg, f.disk.env()); !errors.Is(err, errMissing) {
		t.Fatalf("the start: %v", err)
	}
	r := f.lookAt()
	if r.Refused == "" {
		t.Error("not refused")
	}
	if plan := PlanSalvage(r, SalvageOptions{}); !plan.Empty() || len(plan.Lost) > 0 {
		t.Errorf("gives up %+v: %q, and the start is refused all the same", plan.Lost, plan.Steps)
	}
}

// A segment that has lost its end is made whole where it stands: that takes no
// room, and nobody has to read what else is damaged in it.
func TestSalvageOfAShortSegmentOnAFullAndBadDisk(t *testing.T) {
	for _, left := range []int64{0, 10, segmentHeaderSize, segmentHeaderSize + 2000} {
		f := fill(t)
		f.close()
		names := f.files(segmentSuffix)
		last := path.Join(f.disk.dir, names[len(names)-1])
		if err := mustOpenFile(t, f.mem(), last).Truncate(left); err != nil {
			t.Fatal(err)
		}
		plan := PlanSalvage(f.lookAt(), SalvageOptions{})
		bad := vfs.NewFault(f.mem(), func(op vfs.Op) error {
			if op.Is(vfs.KindRead) && op.Name == last && op.Off+int64(op.Bytes) > segmentHeaderSize+1000 {
				return vfs.ErrIO
			}
			if op.Is(vfs.KindWrite) && op.Bytes > 4096 {
				return vfs.ErrNoSpace
			}
			return nil
		})
		if err := plan.Apply(bad, f.disk.dir, func(string) {}); err != nil {
			t.Fatal(err)
		}
		if r := f.lookAt(); r.Damaged() {
			t.Errorf("%d bytes left, after the salvage: %s", left, texts(r, SeverityDamage))
		}
		f.open()
		f.append(100, 1, 2, 3)
		f.close()
	}
}

// After a salvage nothing is left to tell of an empty file of the main log.
func TestSalvageOfEmptySegments(t *testing.T) {
	for name, at := range map[string]int{"first": 0, "one between": 1} {
		t.Run(name, func(t *testing.T) {
			f := fill(t)
			f.close()
			f.harmed(f.files(segmentSuffix)[at], 0, false)
			f.salvage(SalvageOptions{})
			for range 2 {
				if r := f.lookAt(); r.Damaged() || !PlanSalvage(r, SalvageOptions{}).Empty() {
					t.Errorf("after the salvage: %s", texts(r, SeverityDamage))
				}
				f.open()
				if d := f.log.Damage(); d.Ranges > 0 || d.Given == 0 {
					t.Errorf("after the salvage: %+v", d)
				}
				f.append(300, 1, 2, 3)
				f.close()
			}
		})
	}
}
