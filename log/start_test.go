package log

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// The last entry of a life is known by the first one of the next, though the
// start did not scan it: else nobody would know whose it was once it is damaged.
func TestLastEntryOfTheFormerLifeIsKnown(t *testing.T) {
	for name, end := range map[string]func(f *fixture){
		"clean": func(f *fixture) { f.restart() },
		"killed, nothing behind the checkpoint": func(f *fixture) {
			f.checkpoint()
			f.kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 64 << 10})
			f.append(500, 1, 1, 3, 2)
			end(f)
			f.append(500, 1, 3, 3)
			f.killWithoutCheckpoint()
			hit := f.batchEntries()[3]
			f.flip(hit.Position + 13)
			f.knowUpTo(3)
			f.remove(".index") // else nobody looks there again
			if found := f.open(); len(found.Corrupt) != 1 || hit.Partition != 2 {
				t.Fatalf("%+v; hit %+v", found, hit)
			}
			for id, end := range f.ends {
				if p := f.log.Partition(id); p.End() != end || p.Refused() != nil {
					t.Errorf("partition %d ends at %d, refuses with %v; want %d, and no refusal", id, p.End(), p.Refused(), end)
				}
			}
			f.close()
		})
	}
}

// replaceFile puts other bytes into a file of a disk that nobody uses.
func (f *fixture) replaceFile(name string, b []byte) {
	f.t.Helper()
	w := mustOpenFile(f.t, f.mem(), path.Join(f.disk.dir, name))
	if err := w.Truncate(0); err != nil {
		f.t.Fatal(err)
	}
	if _, err := w.WriteAt(b, 0); err != nil {
		f.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// The count of unclean starts makes leader epochs; it survives its file.
func TestLostStartMark(t *testing.T) {
	for name, lose := range map[string]func(f *fixture){
		"empty":   func(f *fixture) { f.replaceFile(startMarkName, nil) },
		"garbage": func(f *fixture) { f.replaceFile(startMarkName, []byte(strings.Repeat("x", startMarkSize))) },
		"missing": func(f *fixture) { f.remove(startMarkName) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 64 << 10})
			for range 3 {
				f.append(2000, 1, 2)
				f.kill()
			}
			for range 40 {
				f.append(2000, 1) // into later segments
			}
			f.close()
			lose(f)
			found := f.open()
			if !found.Unclean || found.UncleanStarts != 4 {
				t.Errorf("%+v; want the fourth unclean start", found)
			}
			f.check()
			if found := f.restart(); found.Unclean || found.UncleanStarts != 4 {
				t.Errorf("after a clean end: %+v", found)
			}
			f.close()
		})
	}
}

// Where the count is lost twice, the start is refused, with advice that works.
func TestStartMarkAndSegmentHeaderLost(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(2000, 1, 2)
	f.close()
	f.replaceFile(startMarkName, nil)
	name := path.Join(f.disk.dir, f.files(segmentSuffix)[0])
	if err := f.mem().FlipBit(name, 14, 1); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(f.cfg, f.disk.env())
	if !errors.Is(err, errStartMark) || !strings.Contains(err.Error(), "remove it") {
		t.Fatalf("opened with %v", err)
	}
	f.remove(startMarkName)
	f.open()
	f.check()
	f.close()
}

// After a clean end all was durable, also what no readable checkpoint knows to
// be: damage there is corruption, no torn tail.
func TestCleanEndIsKnownDurable(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(500, 1, 2)
	f.restart()
	f.append(500, 2, 1)
	f.close()
	list := f.batchEntries()
	f.flip(list[len(list)-1].Position + 13)
	f.knowUpTo(2)
	names := f.files(checkpointPrefix)
	if err := f.mem().FlipBit(path.Join(f.disk.dir, names[len(names)-1]), 20, 1); err != nil {
		t.Fatal(err)
	}
	if found := f.open(); found.TornBytes > 0 || len(found.Corrupt) != 1 {
		t.Errorf("%+v", found)
	}
	if p := f.log.Partition(1); p.End() != f.ends[1] && p.Refused() == nil {
		t.Errorf("partition 1 ends at %d, want %d, and takes appends", p.End(), f.ends[1])
	}
	f.close()
}

// A segment of another version is not a damaged one that may be repaired.
func TestNewerSegmentIsRefused(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(2000, 1)
	f.close()
	name := path.Join(f.disk.dir, f.files(segmentSuffix)[0])
	w := mustOpenFile(t, f.mem(), name)
	b := make([]byte, segmentHeaderUsed)
	if _, err := w.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	b[8]++
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	if _, err := w.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	before := diskNames(t, f.mem(), f.disk.dir)
	if _, _, err := Open(f.cfg, f.disk.env()); !errors.Is(err, errSegmentVersion) {
		t.Fatalf("opened with %v", err)
	}
	if after := diskNames(t, f.mem(), f.disk.dir); before != after {
		t.Errorf("the files were %s, are %s", before, after)
	}
}

func diskNames(t *testing.T, fsys vfs.FS, dir string) string {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// A start after a kill does not read what was never written of a preallocated
// segment, and misses nothing that was.
func TestUncleanStartSkipsHoles(t *testing.T) {
	f := newFixture(t, Config{}) // 256 MiB
	f.append(2000, 1, 2, 1)
	found := f.kill()
	if !found.Unclean || found.ScannedBytes > 3*scanWindow {
		t.Errorf("%+v", found)
	}
	f.check()
	// Good entries far behind damage are found.
	for range 3 {
		f.append(2000, 1, 2)
	}
	f.killWithoutCheckpoint()
	list := f.batchEntries()
	f.flip(list[len(list)-3].Position + 13)
	if found := f.open(); len(found.Corrupt) != 1 {
		t.Errorf("%+v", found)
	}
	f.close()
}
