package log

import (
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// keepsAll has compaction copy a partition as it is.
func keepsAll() *pickCleaner {
	return &pickCleaner{keep: func(_, _ model.Offset) cleaned { return keepAll }}
}

// Where a crash comes between the entry that names a run and the checkpoint
// behind it, the start counts what the run has in segments that the checkpoint
// before named: once.
func TestRunIsCountedByTheStartThatInstallsIt(t *testing.T) {
	f, mem, fault := sideNeighbours(t)
	var checkpoints atomic.Int64
	fault.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindRename && strings.HasPrefix(path.Base(op.Name), checkpointPrefix) && checkpoints.Add(1) > 1 {
			return vfs.ErrIO
		}
		return nil
	})
	if _, err := f.log.Partition(9).Compact(noOffset, keepsAll(), Pace{}); err != nil {
		t.Fatal(err)
	}
	killed := mem.Kill()
	f.stop()
	if checkpoints.Load() < 2 {
		t.Fatalf("%d checkpoints", checkpoints.Load())
	}
	f.disk.fs = killed
	for range 3 {
		f.open()
		side := 0
		for _, seg := range f.log.coldLog.segments.all() {
			held, live := seg.held.Load(), seg.live.Load()
			if held != live {
				t.Errorf("segment %s holds %d bytes, %d of them live", seg.name, held, live)
			}
			if seg.Log.isSide() && live > 0 {
				side++
			}
		}
		if side < 2 {
			t.Errorf("%d side segments", side)
		}
		f.check()
		f.checkLive()
		f.close()
	}
}

// lyingDisk does a write and says that it did not, if asked to.
type lyingDisk struct {
	vfs.FS

	lies atomic.Bool
}

type lyingFile struct {
	vfs.File

	disk *lyingDisk
}

func (d *lyingDisk) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &lyingFile{f, d}, nil
}

func (d *lyingDisk) OpenWritable(name string) (vfs.File, error) {
	f, err := d.FS.OpenWritable(name)
	if err != nil {
		return nil, err
	}
	return &lyingFile{f, d}, nil
}

func (f *lyingFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	n, err := f.File.WritevAt(bufs, off)
	if err == nil && f.disk.lies.Load() {
		return 0, vfs.ErrIO
	}
	return n, err
}

// A write may fail although the entry that names a run is on the disk, whole. It
// is cut off, and the run goes; or, where that fails too, the run stays.
func TestRunThatAFailedWriteNamed(t *testing.T) {
	for name, trims := range map[string]bool{"cut off": true, "not cut off": false} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, relocating())
			for range 12 {
				f.append(3000, 9)
			}
			f.checkpoint()
			mem := f.mem()
			f.close()
			fault := vfs.NewFault(mem, nil)
			disk := &lyingDisk{FS: fault}
			f.disk.fs = disk
			f.open()
			fault.SetHook(func(op vfs.Op) error {
				if _, ok := parseSegmentName(path.Base(op.Name)); ok && op.Kind == vfs.KindTruncate && !trims {
					return vfs.ErrIO
				}
				return nil
			})
			disk.lies.Store(true) // only entries of the main log are written like that
			if done, err := f.log.Partition(9).Compact(noOffset, keepsAll(), Pace{}); err == nil {
				t.Fatalf("no error: %+v", done)
			}
			disk.lies.Store(false)
			if _, _, err := f.log.Reclaim(); err != nil {
				t.Fatal(err)
			}
			if left := f.sideBytes(); (left > 0) == trims {
				t.Errorf("%d bytes are left", left)
			}
			killed := mem.Kill()
			f.stop()
			f.disk.fs = killed
			f.open()
			if to := f.log.Partition(9).cleaned().to; (to == 0) != trims {
				t.Errorf("clean below %d", to)
			}
			f.check()
			f.compact(9, noOffset, func(_, _ model.Offset) cleaned { return keepAll })
			f.everyStart()
			f.close()
		})
	}
}

// A run stays for a failed write only as long as nothing was written behind it.
func TestRunsOfFailedWritesGo(t *testing.T) {
	f, mem, fault := sideNeighbours(t)
	f.close()
	disk := &lyingDisk{FS: fault}
	f.disk.fs = disk
	f.open()
	before := f.sideBytes()
	fault.SetHook(vfs.FailFrom(1, vfs.KindTruncate, vfs.ErrIO))
	disk.lies.Store(true)
	if done, err := f.log.Partition(9).Compact(noOffset, keepsAll(), Pace{}); err == nil {
		t.Fatalf("no error: %+v", done)
	}
	disk.lies.Store(false)
	fault.SetHook(nil)
	if _, _, err := f.log.Reclaim(); err != nil {
		t.Fatal(err)
	}
	stayed := f.sideBytes()
	if stayed < before+40*3000 {
		t.Errorf("%d bytes are left, there were %d", stayed, before)
	}
	f.append(300, 1)
	f.compact(1, noOffset, func(_, _ model.Offset) cleaned { return keepAll })
	if _, _, err := f.log.Reclaim(); err != nil {
		t.Fatal(err)
	}
	if after := f.sideBytes(); after > stayed/2 {
		t.Errorf("%d bytes are left of %d", after, stayed)
	}
	f.close()
	f.disk.fs = mem
	f.open()
	f.check()
	f.close()
}

// Where the disk is too full for the entry that would name a run, nothing names
// it, and its room comes back.
func TestRunThatNothingNamesForLackOfRoom(t *testing.T) {
	f, _, fault := sideNeighbours(t)
	before := f.sideBytes()
	fault.SetHook(vfs.FailNth(fault.Count(vfs.KindWrite)+1, vfs.KindWrite, vfs.ErrIO))
	if err := appendTo(t, f.log, f.log.Partition(1), f.ends[1], 3, 300).err(); err == nil {
		t.Fatal("no error")
	}
	fault.SetHook(func(op vfs.Op) error { // the next entry needs a segment
		if _, ok := parseSegmentName(path.Base(op.Name)); ok && op.Kind == vfs.KindRename {
			return vfs.ErrNoSpace
		}
		return nil
	})
	if done, err := f.log.Partition(9).Compact(noOffset, keepsAll(), Pace{}); !vfs.IsNoSpace(err) {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, _, err := f.log.Reclaim(); err != nil {
		t.Fatal(err)
	}
	if after := f.sideBytes(); after > before+segmentHeaderSize {
		t.Errorf("%d bytes are left, there were %d", after, before)
	}
	fault.SetHook(nil)
	f.check()
	f.compact(9, noOffset, func(_, _ model.Offset) cleaned { return keepAll })
	f.check()
	f.close()
}
