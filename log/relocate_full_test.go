package log

import (
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// A disk that has no room for the copies has as much as before once they were
// given up, and nothing is lost; with room all goes on.
func TestRelocateOnAFullDisk(t *testing.T) {
	cfg := relocating()
	cfg.SegmentBytes = 256 << 10
	f := newFixture(t, cfg)
	for range 12 {
		for range 3 {
			f.append(9000, 1, 3)
		}
		for range 6 {
			f.append(20_000, 2)
		}
	}
	f.deleteAll(2)
	f.checkpoint()
	f.log.Partition(3).SetRetentionClass(RetentionClassOf(100 * 60 * 60 * 1000)) // two streams
	free := func() int64 {
		n, _, err := f.mem().Space(f.disk.dir)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, room := range []int64{8 << 10, 20 << 10, 40 << 10} {
		f.mem().SetCapacity(1 << 40)
		f.mem().SetCapacity(1<<40 - free() + room)
		for range 2 { // also with what the first try has left
			before := free()
			if _, _, err := f.log.Relocate(); !vfs.IsNoSpace(err) {
				t.Fatalf("with %d bytes: %v", room, err)
			}
			// Two headers of segments, a checkpoint and a small index file.
			if after := free(); after < before-16<<10 {
				t.Errorf("with %d bytes, %d are left of %d", room, after, before)
			}
		}
		f.check()
	}
	f.mem().SetCapacity(1 << 40)
	if n := f.relocate(); n == 0 {
		t.Error("nothing was relocated")
	}
	f.check()
	f.checkpoint()
	f.checkLive()
	f.rebuild()
	f.check()
	f.close()
}

// Copies of what is deleted while they are made are of no use, and go.
func TestRelocatedTooLate(t *testing.T) {
	f := newFixture(t, relocating())
	_, fault := f.openFaulty()
	for range 3 {
		f.append(3000, 1)
	}
	for range 12 {
		f.append(9000, 2)
	}
	f.deleteAll(2)
	f.checkpoint()
	var late sync.Once
	fault.SetHook(func(op vfs.Op) error {
		// A file goes by the name that it was made under.
		if op.Kind == vfs.KindWrite && op.Bytes > 9000 && strings.HasPrefix(path.Base(op.Name), "cold-next") {
			late.Do(func() { f.deleteAll(1) })
		}
		return nil
	})
	if _, _, err := f.log.Relocate(); err != nil {
		t.Fatal(err)
	}
	fault.SetHook(nil)
	if f.want[1] != nil {
		t.Fatal("nothing was relocated")
	}
	for _, seg := range f.log.coldLog.segments.all() {
		if seg.held.Load() != 0 || seg.taken() > 2*segmentHeaderSize {
			t.Errorf("segment %s holds %d bytes, and takes %d", seg.name, seg.held.Load(), seg.taken())
		}
	}
	f.check()
	f.close()
}
