package log

import (
	"errors"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// A start on a full disk makes a segment whose file grows as it is written. Where
// the disk is full again just before the zeros at an entry's end, these are
// nowhere: a start would take the entry for damaged, so it may not be promised.
func TestFullDiskBeforeTheZerosOfAnEntry(t *testing.T) {
	f := newStillFixture(t, Config{SegmentBytes: 64 << 10})
	f.append(300, 1)
	mem := f.mem().Kill()
	f.stop()
	f.disk.fs = mem
	room := func(bytes int64) {
		t.Helper()
		mem.SetCapacity(1 << 40)
		free, total, err := mem.Space(f.disk.dir)
		if err != nil {
			t.Fatal(err)
		}
		mem.SetCapacity(total - free + bytes)
	}
	room(32 << 10) // no segment has room, all else has
	f.open()
	size, zeros := 300, 0
	for ; zeros < 2; size++ {
		b, _ := makeBatch(t, f.ends[1], 3, size)
		zeros = entrySize(len(b)) - entryHeaderSize - len(b)
	}
	size--
	b, _ := makeBatch(t, f.ends[1], 3, size)
	w := f.log.writer
	last := f.log.segments.all().last()
	if n, err := last.file.Size(); err != nil || n >= last.size.Load() {
		t.Fatalf("the file has %d bytes: %v", n, err)
	}
	room(int64(entrySize(len(b)) - 1))
	err := appendTo(t, f.log, f.log.Partition(1), f.ends[1], 3, size).err()
	mem.SetCapacity(1 << 40)
	if !errors.Is(err, vfs.ErrNoSpace) {
		t.Errorf("an entry that lacks its end on the disk: %v", err)
	}
	if w.written != last.First {
		t.Errorf("the log ends at %d, not %d", w.written, last.First)
	}
	f.append(300, 1)
	if found := f.kill(); len(found.Corrupt) > 0 {
		t.Errorf("%+v", *found)
	}
	f.check()
	f.close()
}
