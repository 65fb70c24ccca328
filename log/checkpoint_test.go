package log

import (
	"errors"
	"path"
	"runtime"
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

// Many tiny batches make a checkpoint due though they are few bytes, and where
// the disk is too slow for it the writer waits: their index entries take memory.
func TestCheckpointByEntries(t *testing.T) {
	const most = 16
	f := newFixture(t, Config{CheckpointInterval: time.Hour, checkpointEntries: most})
	f.close()
	mem := f.mem()
	began, goOn := make(chan struct{}), make(chan struct{})
	var slow atomic.Bool
	f.disk.fs = vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind == vfs.KindSync && strings.Contains(op.Name, ".index") && slow.CompareAndSwap(true, false) {
			began <- struct{}{}
			<-goOn
		}
		return nil
	})
	f.open()
	slow.Store(true)
	for range most {
		f.append(20, 1)
	}
	<-began
	for range most - 1 {
		f.append(20, 1)
	}
	var waits [3]*waiter
	p := f.log.Partition(1)
	for i := range waits {
		b, _ := makeBatch(t, f.ends[1], 3, 20)
		waits[i] = appendTo(t, f.log, p, f.ends[1], 3, 20)
		f.want[1] = append(f.want[1], b...)
		f.ends[1] += 3
		if i == 0 {
			<-waits[0].written // after it the writer waits
		}
	}
	for range 1000 {
		runtime.Gosched()
	}
	select {
	case <-waits[1].written:
		t.Error("the writer went on, and a second checkpoint was due")
	default:
	}
	close(goOn)
	for i, w := range waits {
		if i == 0 {
			<-w.durable
		} else if err := w.err(); err != nil {
			t.Fatal(err)
		}
	}
	f.check()
	f.close()
}
