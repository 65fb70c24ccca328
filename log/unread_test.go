package log

import (
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// away is a disk of which a part can not be read for a while: of the files whose
// names hold a part, what lies in [from, to).
type away struct {
	*vfs.Fault

	name     string
	from, to int64
}

func (f *fixture) takeAway(name string, from, to int64) *away {
	a := &away{name: name, from: from, to: to}
	a.Fault = vfs.NewFault(f.disk.fs, nil)
	a.SetHook(func(op vfs.Op) error {
		read := op.Kind == vfs.KindRead || op.Kind == vfs.KindReadCached
		if read && strings.Contains(op.Name, a.name) && op.Off < a.to && op.Off+int64(op.Bytes) > a.from {
			return vfs.ErrIO
		}
		return nil
	})
	f.disk.fs = a
	return a
}

// A rebuild that can not read a segment deletes nothing of it, neither in this
// life nor in the next ones: the disk may be back one day.
func TestRebuildKeepsWhatItCanNotRead(t *testing.T) {
	const whole = 1 << 40
	for name, c := range map[string]struct {
		make       func(*testing.T) *fixture
		file       func(*fixture) string
		from, to   int64
		checkpoint bool // there is none that can be read
	}{
		"a cold segment":                       {moved, oneCold, 4096, whole, false},
		"the end of a cold segment":            {moved, oneCold, 5 << 10, whole, false},
		"a cold segment, without a checkpoint": {moved, oneCold, 4096, whole, true},
		"a main segment":                       {kept, oneMain, 4096, whole, false},
		"a part of a main segment":             {kept, oneMain, 8 << 10, 9 << 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.make(t)
			f.knowUpTo(4)
			bad := c.file(f)
			f.close()
			f.remove(indexSuffix)
			if c.checkpoint {
				f.remove(checkpointPrefix)
			}
			disk := f.disk.fs
			f.takeAway(bad, c.from, c.to)
			for life := range 3 {
				f.open()
				if d := f.log.Damage(); life == 0 && d.Ranges == 0 {
					t.Error("no damage is told")
				}
				for range 2 {
					f.relocate()
				}
				f.close()
				if !slices.Contains(f.files(segmentSuffix), bad) {
					t.Fatalf("%s was removed in life %d", bad, life)
				}
			}
			f.disk.fs = disk
			f.remove(indexSuffix)
			f.open()
			f.check()
			f.close()
		})
	}
}

// kept is a log with old segments in which a little lives.
func kept(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, relocating())
	for range 12 {
		f.append(300, 1, 4)
		for range 6 {
			f.append(3000, 2, 3)
		}
	}
	f.deleteAll(2, 3)
	return f
}

func oneCold(f *fixture) string { return f.files(coldPrefix)[0] }

func oneMain(f *fixture) string {
	names := f.mainFiles()
	return names[len(names)/2]
}

// What a power cut left of copies is no damage, with the indexes and without:
// their segment goes.
func TestRebuildAfterTornCopies(t *testing.T) {
	f := moved(t)
	f.close()
	name := oneCold(f)
	h, _ := parseColdName(name)
	list := f.coldEntries()
	last := list[len(list)-1]
	// As if another copy had been on its way.
	f.edit(name, func(b []byte) {
		clear(b[segmentHeaderSize+int(last.end()-h.First):])
	})
	file := mustOpenFile(t, f.mem(), f.disk.dir+"/"+name)
	if _, err := file.WriteAt([]byte("torn"), segmentHeaderSize+int64(last.end()-h.First)+200); err != nil {
		t.Fatal(err)
	}
	f.remove(indexSuffix)
	if found := f.open(); len(found.Corrupt)+len(found.ColdCorrupt) > 0 {
		t.Errorf("found %+v", found)
	}
	f.check()
	f.checkpoint()
	f.checkLive()
	f.close()
}

// Damage behind the last Position that a cold segment knows to be durable is
// told where a checkpoint knows of more.
func TestRebuildKnowsWhatWasDurable(t *testing.T) {
	f := moved(t)
	f.close()
	name := oneCold(f)
	h, _ := parseColdName(name)
	list := f.coldEntries()
	f.edit(name, func(b []byte) { clear(b[segmentHeaderSize+int(list[len(list)/2].Position-h.First):]) })
	f.remove(indexSuffix)
	if found := f.open(); len(found.ColdCorrupt) == 0 {
		t.Error("no damage is told")
	}
	f.relocate()
	if !slices.Contains(f.files(segmentSuffix), name) {
		t.Errorf("%s was removed", name)
	}
	f.close()
}

// What the disk can not read is damage wherever it stands: the scrub fences the
// whole of a cold segment, and serves it again once it can be read.
func TestScrubFencesWhatItCanNotRead(t *testing.T) {
	f := moved(t)
	f.close()
	a := f.takeAway(oneCold(f), segmentHeaderSize, 1<<40)
	f.open()
	for range 2 {
		f.scrubNow()
		if d := f.log.Damage(); d.InCold != 1 {
			t.Errorf("%+v", d)
		}
	}
	a.name = "nothing"
	f.scrubNow()
	if d := f.log.Damage(); d.Ranges != 0 {
		t.Errorf("still %+v", d)
	}
	f.check()
	f.close()
}
