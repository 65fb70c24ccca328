package log

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// A segment is missed also where the indexes are damaged, so that the start
// makes them anew and takes no checkpoint's word for the partitions.
func TestMissingSegmentBesideDamagedIndexes(t *testing.T) {
	for name, harm := range map[string]func(f *fixture){
		"no index":      func(f *fixture) { f.remove(indexSuffix) },
		"damaged index": func(f *fixture) { f.replaceFile(f.files(indexSuffix)[0], nil) },
	} {
		t.Run(name, func(t *testing.T) {
			f := fill(t)
			f.close()
			harm(f)
			f.remove(f.files(segmentSuffix)[1])
			r := f.lookAt()
			if r.Refused == "" || !strings.Contains(texts(r, SeverityDamage), "is missing") {
				t.Errorf("the check: %s", texts(r, SeverityDamage))
			}
			if l, found, err := Open(f.cfg, f.disk.env()); err == nil {
				p := l.Partition(1)
				_, err := offsetsFrom(t, p, 0)
				t.Errorf("it starts: %+v; partition 1 is [%d, %d), reads: %v, damage known: %+v", found, p.Start(), p.End(), err, l.Damage())
				_ = l.Close()
			}
			f.salvage(SalvageOptions{})
			f.open()
			for id := range f.ends {
				p := f.log.Partition(id)
				if _, err := offsetsFrom(t, p, 0); err != nil || p.End() != f.ends[id] {
					t.Errorf("after the salvage: partition %d: %v, end %d, want %d", id, err, p.End(), f.ends[id])
				}
				if err := appendTo(t, f.log, p, p.End(), 3, 100).err(); err != nil {
					t.Errorf("after the salvage: partition %d: %v", id, err)
				}
			}
			f.close()
		})
	}
}

// What nobody can read is damage, whatever was given up around it.
func TestCheckFindsWhatASalvageLeft(t *testing.T) {
	f := fill(t)
	f.close()
	hit := f.batchEntries()[12]
	f.flip(hit.Position + 40)
	name := f.files(indexSuffix)[0]
	if err := f.mem().FlipBit(path.Join(f.disk.dir, name), 200, 1); err != nil {
		t.Fatal(err)
	}
	f.salvage(SalvageOptions{DropIndexes: true})
	f.open()
	_, failed := offsetsFrom(t, f.log.Partition(hit.Partition), 0)
	f.close()
	if r := f.lookAt(); (failed != nil) != r.Damaged() {
		t.Errorf("reads: %v; the check: %q, lost %+v", failed, texts(r, SeverityDamage), r.Lost)
	}
	f.salvage(SalvageOptions{})
	f.open()
	if _, err := offsetsFrom(t, f.log.Partition(hit.Partition), 0); err != nil {
		t.Errorf("after another salvage: %v", err)
	}
	f.close()
}

// Indexes that a salvage was asked to set aside are no damage: until the next
// start they are awaited, and then they are there.
func TestCheckOfDroppedIndexes(t *testing.T) {
	f := fill(t)
	f.restart()
	f.close()
	f.salvage(SalvageOptions{DropIndexes: true})
	r := f.lookAt()
	if notes := texts(r, SeverityNote); r.Damaged() || !strings.Contains(notes, "the next start makes all indexes anew") || strings.Contains(notes, "were made anew") {
		t.Errorf("before the start: damage %q, notes %q", texts(r, SeverityDamage), notes)
	}
	f.open()
	f.close()
	r = f.lookAt()
	if notes := texts(r, SeverityNote); r.Damaged() || !strings.Contains(notes, "were made anew") {
		t.Errorf("after it: damage %q, notes %q", texts(r, SeverityDamage), notes)
	}
	f.remove(indexSuffix) // by somebody else, also what was set aside
	if !f.lookAt().Damaged() {
		t.Error("index files that are gone are no damage")
	}
}

// A file that was set aside for its bad sectors keeps nobody from looking at
// the rest.
func TestCheckPassesABadFileThatWasSetAside(t *testing.T) {
	f := fill(t)
	f.close()
	aside := quarantinePrefix + "1-" + f.files(segmentSuffix)[0]
	file, err := f.mem().Create(path.Join(f.disk.dir, aside))
	if err == nil {
		err = errors.Join(file.Truncate(8192), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	disk := vfs.NewFault(f.mem(), func(op vfs.Op) error {
		if op.Is(vfs.KindRead) && path.Base(op.Name) == aside {
			return vfs.ErrIO
		}
		return nil
	})
	r, err := Check(disk, f.disk.dir, CheckOptions{Standing: f.disk.env().Standing})
	if err != nil {
		t.Fatal(err)
	}
	if r.Damaged() || len(r.Aside) != 1 || !strings.Contains(r.Aside[0].Holds, "read") {
		t.Errorf("%+v, %s", r.Aside, texts(r, SeverityDamage))
	}
}

// A bad sector under a segment's header is a damaged header: the broker starts,
// and the check and salvage see the rest.
func TestUnreadableSegmentHeader(t *testing.T) {
	f := fill(t)
	f.close()
	mem, name := f.mem(), f.files(segmentSuffix)[1]
	f.disk.fs = vfs.NewFault(mem, func(op vfs.Op) error {
		if (op.Is(vfs.KindRead) || op.Is(vfs.KindReadCached)) && path.Base(op.Name) == name && op.Off < segmentHeaderSize {
			return vfs.ErrIO
		}
		return nil
	})
	if r := f.lookAt(); !r.Damaged() || r.Refused != "" || len(r.Lost) > 0 {
		t.Errorf("refused %q, lost %+v: %s", r.Refused, r.Lost, texts(r, SeverityDamage))
	}
	f.open()
	f.check()
	f.append(100, 1, 2, 3)
	f.close()
}

// What is said of a missing segment is said under its own name, and once: the
// files beside it are sound.
func TestMissingSegmentIsNamed(t *testing.T) {
	for what, c := range map[string]struct {
		make func(t *testing.T) *fixture
		file func(f *fixture) string
	}{
		"between": {fill, func(f *fixture) string { return f.files(segmentSuffix)[1] }},
		"newest":  {fill, func(f *fixture) string { names := f.files(segmentSuffix); return names[len(names)-1] }},
		"cold":    {moved, func(f *fixture) string { return f.files(coldPrefix)[0] }},
		"side":    {compactedFixture, func(f *fixture) string { return f.files(sidePrefix)[0] }},
	} {
		t.Run(what, func(t *testing.T) {
			f := c.make(t)
			f.close()
			name := c.file(f)
			f.remove(name)
			r := f.lookAt()
			told := make(map[PositionRange]bool)
			for _, x := range r.Findings {
				if x.Kind != KindOfSegments || x.Range == (PositionRange{}) {
					continue
				}
				if x.File != name || told[x.Range] {
					t.Errorf("%s is missing, and told is %+v", name, x)
				}
				told[x.Range] = true
			}
			if len(told) == 0 {
				t.Errorf("no range: %s", texts(r, SeverityDamage))
			}
		})
	}
}
