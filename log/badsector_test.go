package log

import (
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// badSector has reads of a file fail, under whatever part of its name, until it
// is renamed or replaced.
func (f *fixture) badSector(part string) (bad string) {
	f.t.Helper()
	names := f.files(part)
	bad = path.Join(f.disk.dir, names[len(names)-1])
	mem := f.mem()
	there := true
	f.disk.fs = vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind == vfs.KindRename || op.Kind == vfs.KindRemove {
			_, err := mem.Size(bad)
			there = there && err == nil && op.Name != bad
		}
		if there && op.Kind == vfs.KindRead && op.Name == bad {
			return vfs.ErrIO
		}
		return nil
	})
	return bad
}

// A bad sector in a small file is no reason not to start: what is derived is
// made anew or taken from the older one, and the file is kept.
func TestBadSectorInSmallFile(t *testing.T) {
	for name, c := range map[string]struct{ file, finding string }{
		"newest checkpoint": {checkpointPrefix, "read checkpoint-"},
		"start mark":        {startMarkName, "start mark is damaged"},
		"salvaged":          {salvagedName, "read salvaged"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 64 << 10})
			f.append(500, 1, 2)
			f.restart()
			f.append(500, 2, 1)
			f.close()
			nothing := &salvaged{Offsets: []lostOffsets{{99, 0, 1}}}
			if err := replaceSmallFile(f.disk.fs, f.disk.dir, salvagedName, nothing.encode()); err != nil {
				t.Fatal(err)
			}
			mem := f.mem()
			f.badSector(c.file)
			told := false
			for _, x := range f.lookAt().Findings {
				told = told || x.Severity == SeverityDamage && strings.Contains(x.Text, c.finding) && strings.Contains(x.Text, vfs.ErrIO.Error())
			}
			if !told {
				t.Errorf("the check tells %+v", f.lookAt().Findings)
			}
			f.open()
			f.check()
			f.append(500, 1)
			f.close()
			f.disk.fs = mem
			f.open()
			f.check()
			f.close()
		})
	}
}

// Where the count of unclean starts is lost twice, once to a bad sector,
// salvage helps.
func TestBadSectorInStartMarkAndHeaderLost(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(2000, 1, 2)
	f.close()
	if err := f.mem().FlipBit(path.Join(f.disk.dir, f.files(segmentSuffix)[0]), 14, 1); err != nil {
		t.Fatal(err)
	}
	f.badSector(startMarkName)
	if _, _, err := Open(f.cfg, f.disk.env()); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Fatalf("opened with %v", err)
	}
	f.salvage(SalvageOptions{})
	f.open()
	f.check()
	f.close()
}

// A read that fails while a log start is raised does not have retention by size
// take more than it should, though the partition is taken for larger.
func TestRetentionAfterAFailedRead(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	for range 40 {
		f.append(500, 1)
	}
	f.restart()
	mem, fault := f.openFaulty()
	fault.SetHook(vfs.FailFrom(1, vfs.KindRead, vfs.ErrIO))
	if err := f.control(1, KindLogStart, 60, f.log.Partition(1).lastEpoch()); err != nil {
		t.Fatal(err)
	}
	fault.SetHook(nil)
	p := f.log.Partition(1)
	size := int64(20 * (61 + 500))
	if p.Bytes() <= size {
		t.Fatalf("%d bytes: no read failed", p.Bytes())
	}
	for keep, want := range map[int64]model.Offset{size: 60, size - 561: 63, size - 560: 60, 0: 120} {
		if got, err := p.ExpiredStart(0, -1, keep, p.End()); err != nil || got != want {
			t.Errorf("to keep %d of %d bytes it begins at %d, %v; want %d", keep, size, got, err, want)
		}
	}
	f.disk.fs = mem
	if err := f.log.Close(); err != nil {
		t.Fatal(err)
	}
}

// Indexes that can not be opened for now are no reason to make them anew, which
// may take hours: the start is refused, and changes nothing. Those that are
// gone, or that the disk does not give, are made anew.
func TestIndexesThatCanNotBeOpened(t *testing.T) {
	for name, c := range map[string]struct {
		kind    vfs.Kind
		err     error
		refused bool
	}{
		"no descriptors": {vfs.KindOpen, unix.EMFILE, true},
		"no rights":      {vfs.KindOpen, unix.EACCES, true},
		"no memory":      {vfs.KindRead, unix.ENOMEM, true},
		"not there":      {vfs.KindOpen, unix.ENOENT, false},
		"bad sector":     {vfs.KindRead, vfs.ErrIO, false},
		"cut short":      {vfs.KindRead, io.EOF, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{})
			f.append(500, 1, 2)
			f.restart()
			f.append(500, 2, 1)
			f.close()
			mem := f.mem()
			before := f.files("")
			var held atomic.Int64
			disk := vfs.NewFault(mem, func(op vfs.Op) error {
				switch {
				case !strings.HasSuffix(op.Name, indexSuffix):
				case op.Kind == c.kind:
					return c.err
				case op.Kind == vfs.KindOpen:
					held.Add(1)
				case op.Kind == vfs.KindClose:
					held.Add(-1)
				}
				return nil
			})
			f.disk.fs = disk
			l, found, err := Open(f.cfg, f.disk.env())
			if refused := err != nil; refused != c.refused || refused && !errors.Is(err, c.err) || !refused && !found.RebuiltIndex {
				t.Fatalf("opened with %+v, %v", found, err)
			}
			disk.SetHook(nil)
			if err == nil {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			} else if now := f.files(""); !slices.Equal(before, now) || held.Load() != 0 {
				t.Errorf("files were %v, are %v; %d are still open", before, now, held.Load())
			}
			f.disk.fs = mem
			if found := f.open(); found.RebuiltIndex {
				t.Error("the indexes are made anew")
			}
			f.check()
			f.close()
		})
	}
}
