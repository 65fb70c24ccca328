package log

import (
	"errors"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// A checkpoint that is given up before it writes its index file loses no
// entries, also not of partitions that went on meanwhile.
func TestCheckpointGivenUp(t *testing.T) {
	f := newFixture(t, Config{CheckpointInterval: time.Hour})
	f.close()
	var failing, appending atomic.Bool
	mem := f.mem()
	f.disk.fs = vfs.NewFault(mem, func(op vfs.Op) error {
		read := op.Kind == vfs.KindRead || op.Kind == vfs.KindReadCached
		if !read || !strings.HasSuffix(strings.TrimSuffix(op.Name, ".tmp"), ".index") || !failing.Load() {
			return nil
		}
		if appending.CompareAndSwap(true, false) {
			f.append(300, 2) // behind the snapshot, and before it is given up
		}
		return vfs.ErrIO
	})
	f.open()
	f.append(300, 1, 2)
	f.checkpoint()
	f.append(300, 2)
	failing.Store(true)
	if err := f.control(1, KindLogStart, 3, 1); err != nil {
		t.Fatal(err)
	}
	appending.Store(true)
	if err := f.log.keeper.do(f.log.keeper.checkpoint); !errors.Is(err, vfs.ErrIO) {
		t.Fatalf("checkpoint: %v", err)
	}
	failing.Store(false)
	if appending.Load() {
		t.Fatal("nothing was appended meanwhile")
	}
	delete(f.want, 1)
	f.check()
	f.checkpoint()
	f.check()
	f.checkLive()
	f.restart()
	f.check()
	f.close()
}

// A damaged index entry of records that died anyway does not keep the log from
// checkpoints, and gives nothing away that may live.
func TestCheckpointDespiteDamagedIndex(t *testing.T) {
	f := newFixture(t, Config{CheckpointInterval: time.Hour})
	f.append(300, 1, 2)
	f.checkpoint()
	f.restart()
	for _, name := range f.files(".index") {
		const firstEntry = 64 + 40
		if err := f.mem().FlipBit(path.Join(f.disk.dir, name), firstEntry, 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.control(1, KindLogStart, 3, 1); err != nil {
		t.Fatal(err)
	}
	f.checkpoint()
	if n := f.log.segments.all()[0].live.Load(); n <= 0 {
		t.Errorf("%d live bytes", n)
	}
	delete(f.want, 1)
	f.append(300, 2)
	f.check()
	f.close()
}
