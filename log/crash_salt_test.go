package log

import (
	"bytes"
	"path"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestCrashStaleBytesBehindCut: space that a disk gives to a new segment may
// hold what was on it before, that is the very bytes that were cut. They stand
// at their own Positions and their CRCs are right; only the salt tells that
// they are not of this segment.
func TestCrashStaleBytesBehindCut(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll(crashDir); err != nil {
		t.Fatal(err)
	}
	cfg := Config{SegmentBytes: 64 << 10}
	open := func() (*Log, *PartitionLog) {
		// No time passes, so that no mark of an idle log vouches for the last entry.
		still := clock.NewManual(time.UnixMilli(1_700_000_000_000))
		l, _ := mustOpen(t, cfg, (&testDisk{fs: disk, dir: crashDir, clock: still}).env())
		return l, l.Partition(1)
	}
	l, p := open()
	for i := range 8 {
		if err := appendTo(t, l, p, p.End(), 1, 300+i).err(); err != nil {
			t.Fatal(err)
		}
	}
	name := path.Join(crashDir, l.segments.all().last().name)
	next := disk.Kill()
	_ = l.Close() // its disk is dead
	disk = next

	// The last entry is torn, as if its group had never been synced.
	entries, err := crashEntries(disk)
	if err != nil || len(entries) < 8 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	torn := entries[7]
	stale := make([]byte, torn.End-torn.At)
	f := mustOpenFile(t, disk, name)
	at := segmentHeaderSize + int64(torn.At)
	if _, err := f.ReadAt(stale, at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, len(stale)), at); err != nil {
		t.Fatal(err)
	}

	l, p = open()
	if p.End() != 7 {
		t.Fatalf("after the cut the partition ends at %d, want 7", p.End())
	}
	last := l.segments.all().last()
	if last.First != torn.At {
		t.Fatalf("the log goes on at %d, want %d", last.First, torn.At)
	}
	next = disk.Kill()
	_ = l.Close()
	disk = next
	f = mustOpenFile(t, disk, path.Join(crashDir, last.name))
	found := make([]byte, len(stale))
	if _, err := f.ReadAt(found, segmentHeaderSize); err != nil || !bytes.Equal(found, make([]byte, len(stale))) {
		t.Fatalf("the new segment is not empty: %v", err)
	}
	if _, err := f.WriteAt(stale, segmentHeaderSize); err != nil {
		t.Fatal(err)
	}
	l, p = open()
	if p.End() != 7 {
		t.Errorf("bytes from before the cut are back: the partition ends at %d, want 7", p.End())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustOpenFile(t *testing.T, disk *vfs.Mem, name string) vfs.File {
	t.Helper()
	f, err := disk.OpenWritable(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
