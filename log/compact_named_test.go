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
