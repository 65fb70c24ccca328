package log

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
)

// Damage in the index of one partition keeps what it has where it is, and
// nothing else; it is told once.
func TestRelocateBesideADamagedIndex(t *testing.T) {
	f := kept(t)
	f.restart() // all that the indexes say is in files
	blocks := f.log.Partition(1).mu.index.blocks
	f.close()
	for _, b := range blocks {
		for i := range int64(b.Count) {
			if err := f.mem().FlipBit(b.File.Path(), (1+int64(b.Start)+i)*index.EntrySize+8, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	told := atomic.Int32{}
	env := f.disk.env()
	env.Events = func(e Event) {
		if b, ok := e.(BackgroundFailed); ok && strings.HasPrefix(b.What, "relocating") {
			told.Add(1)
		}
	}
	f.log, _ = mustOpen(t, f.cfg, env)
	var stay []string
	for _, h := range f.batchEntries() {
		if h.Partition == 1 {
			stay = append(stay, f.chain().find(h.Position).name)
		}
	}
	for range 2 {
		f.relocate()
	}
	if n := told.Load(); n != 1 {
		t.Errorf("told %d times", n)
	}
	moved := 0
	for at := model.Offset(0); at < f.ends[4]; at += 3 {
		e, err := f.log.Partition(4).entryAt(at)
		if err != nil {
			t.Fatal(err)
		}
		if logID(e.Log) != mainLog {
			moved++
		}
	}
	if moved < 9 {
		t.Errorf("%d batches of the partition beside it were moved", moved)
	}
	for _, name := range stay {
		if !slices.Contains(f.mainFiles(), name) {
			t.Errorf("%s is gone, and what lived in it", name)
		}
	}
	readAll(t, f.log.Partition(4), 0)
	f.rebuild()
	f.check()
	f.close()
}

// A relocation whose index file can not be written leaves the cold log as it was.
func TestRelocateTakesItsCopiesBack(t *testing.T) {
	for name, failed := range map[string]error{"full": vfs.ErrNoSpace, "broken": vfs.ErrIO} {
		t.Run(name, func(t *testing.T) {
			f := moved(t)
			for range 12 { // the segments of the cold log have room for some of it
				f.append(300, 1, 4)
				for range 6 {
					f.append(3000, 2, 3)
				}
			}
			f.deleteAll(2, 3)
			f.close()
			disk := vfs.NewFault(f.mem(), nil)
			mem := f.disk.fs
			f.disk.fs = disk
			f.open()
			f.checkpoint()
			taken := func() (sum int64) {
				for _, name := range f.files(coldPrefix) {
					n, err := mem.Size(f.disk.dir + "/" + name)
					if err != nil {
						t.Fatal(err)
					}
					sum += n - segmentHeaderSize
				}
				return sum
			}
			before, tries := taken(), 0
			disk.SetHook(func(op vfs.Op) error {
				if op.Kind == vfs.KindWrite && strings.Contains(op.Name, indexSuffix) {
					tries++
					return failed
				}
				return nil
			})
			for range 3 {
				if _, _, err := f.log.Relocate(); !errors.Is(err, failed) {
					t.Fatalf("relocation ended with %v", err)
				}
			}
			if after := taken(); after > before {
				t.Errorf("the cold log takes %d bytes, took %d", after, before)
			}
			disk.SetHook(nil)
			f.check()
			f.checkLive()
			if tries < 3 {
				t.Errorf("%d tries", tries)
			}
			f.close()
		})
	}
}
