package log

import (
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// sideDamage is how a test takes some of a run away.
var sideDamage = map[string]func(f *fixture){
	"lost": func(f *fixture) { f.remove(sidePrefix) },
	"half lost": func(f *fixture) {
		f.remove(f.files(sidePrefix)[0])
	},
	"damaged": func(f *fixture) {
		for _, h := range f.sideEntries()[1:3] {
			f.flipSide(h.Position + entryHeaderSize + cleanedPrefixSize + 100)
		}
	},
}

// What of a compacted partition was given up is passed over whatever gaps the
// compaction had left around it, also once the indexes, which knew what stood
// where, are made anew. What is written to the same offsets' partition after
// that is all there.
func TestSalvageOfALostSideSegment(t *testing.T) {
	for name, damage := range sideDamage {
		for gone, keep := range map[string]func(base, to model.Offset) cleaned{
			"all kept":   func(_, _ model.Offset) cleaned { return keepAll },
			"first gone": func(base, _ model.Offset) cleaned { return only(base > 0) },
			"last gone":  func(base, to model.Offset) cleaned { return only(base+3 < to) },
			"every third": func(base, _ model.Offset) cleaned {
				return only(base%9 != 0)
			},
		} {
			for when, forget := range map[string][]string{
				"at once":             {indexSuffix},
				"with the checkpoint": {indexSuffix, checkpointPrefix},
			} {
				t.Run(name+", "+gone+", "+when, func(t *testing.T) {
					f := newFixture(t, relocating())
					for range 24 {
						f.append(3000, 1)
					}
					f.compact(1, f.ends[1]-5, keep)
					f.relocate()
					f.close()
					damage(f)
					if plan := f.salvage(SalvageOptions{}); len(plan.Lost) == 0 {
						t.Fatal("nothing was lost")
					}
					f.open()
					left, err := offsetsFrom(t, f.log.Partition(1), 0)
					if err != nil || len(left) == 0 {
						t.Fatalf("with the indexes: %v, %v", left, err)
					}
					f.close()
					for _, part := range forget {
						f.remove(part)
					}
					f.open()
					if given := f.log.damage.cold.accepted; f.log.coldLog.end() < given[len(given)-1].To {
						t.Errorf("what is copied next stands at %d, in what was given up: %v", f.log.coldLog.end(), given)
					}
					f.passesTo(left)
					f.restart()
					f.passesTo(left)
					if r := f.closedCheck(); r.Damaged() {
						t.Errorf("after the rebuild: %s", texts(r, SeverityDamage))
					}
					f.goesOn(left)
				})
			}
		}
	}
}

func only(kept bool) cleaned {
	if kept {
		return keepAll
	}
	return keepNone
}

// passesTo reads partition 1 as consumers do that stand at any of its offsets.
func (f *fixture) passesTo(left []model.Offset) {
	f.t.Helper()
	p := f.log.Partition(1)
	if p.End() != f.ends[1] {
		f.t.Errorf("it ends at %d, not at %d", p.End(), f.ends[1])
	}
	for from := p.Start(); from < p.End(); from++ {
		want := left[beyond(left, from):]
		if got, err := offsetsFrom(f.t, p, from); err != nil || !slices.Equal(got, want) {
			f.t.Fatalf("from %d on: read %v, %v; want %v", from, got, err, want)
		}
	}
}

// beyond is the number of the first of some batches of three records that ends
// behind an offset.
func beyond(bases []model.Offset, from model.Offset) int {
	n, _ := slices.BinarySearch(bases, from-2)
	return n
}

// closedCheck looks at the log between a stop and a start.
func (f *fixture) closedCheck() *CheckReport {
	f.t.Helper()
	f.close()
	defer f.open()
	return f.lookAt()
}

// goesOn appends to partition 1, and compacts it again.
func (f *fixture) goesOn(left []model.Offset) {
	f.t.Helper()
	for range 8 {
		left = append(left, f.ends[1])
		f.append(3000, 1)
	}
	all := func(_, _ model.Offset) cleaned { return keepAll }
	if _, err := f.log.Partition(1).Compact(noOffset, &pickCleaner{keep: all}, Pace{}); err != nil {
		f.t.Fatal(err)
	}
	f.passesTo(left)
	f.relocate()
	f.restart()
	f.passesTo(left)
	f.close()
	f.remove(indexSuffix)
	f.open()
	f.passesTo(left)
	f.close()
}
