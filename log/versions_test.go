package log

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path"
	"slices"
	"strings"
	"testing"
)

// edit changes a file of a closed log.
func (f *fixture) edit(name string, change func(b []byte)) {
	f.t.Helper()
	file := mustOpenFile(f.t, f.mem(), path.Join(f.disk.dir, name))
	size, err := file.Size()
	if err != nil {
		f.t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil {
		f.t.Fatal(err)
	}
	change(b)
	if _, err := file.WriteAt(b, 0); err != nil {
		f.t.Fatal(err)
	}
	if err := errors.Join(file.Datasync(), file.Close()); err != nil {
		f.t.Fatal(err)
	}
}

// sealEnd puts the right CRC at the end of a file.
func sealEnd(b []byte) {
	binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
}

// newerFile is a file, or an entry, as a newer program would have written it.
type newerFile struct {
	unclean bool
	age     func(f *fixture)
	want    string
}

func newerFiles() map[string]newerFile {
	return map[string]newerFile{
		"segment": {false, func(f *fixture) {
			f.edit(f.files(segmentSuffix)[0], func(b []byte) {
				b[8]++
				binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
			})
		}, "segment of an unknown version: 4, this program knows 3"},
		"entry": {true, func(f *fixture) {
			list := f.batchEntries()
			hit := list[len(list)-1]
			s := f.chain().find(hit.Position)
			f.edit(s.name, func(b []byte) {
				e := b[s.offset(hit.Position):]
				e[4]++
				binary.LittleEndian.PutUint32(e[8:], entryHeaderCRC(e))
			})
		}, "unknown entry version: 3 at"},
		"checkpoint": {false, func(f *fixture) {
			f.edit(f.files(checkpointPrefix)[1], func(b []byte) {
				b[8]++
				sealEnd(b)
			})
		}, "checkpoint of an unknown version: 5, this program knows 4"},
		"start mark": {false, func(f *fixture) {
			f.edit(startMarkName, func(b []byte) {
				b[8]++
				sealEnd(b)
			})
		}, "start mark of an unknown version: 3, this program knows 2"},
		"index": {false, func(f *fixture) {
			f.edit(f.files(indexSuffix)[0], func(b []byte) {
				b[8]++
				binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
				foot := b[len(b)-64:]
				sum := crc32.Update(crc32.Checksum(b[:64], castagnoli), castagnoli, foot[:60])
				binary.LittleEndian.PutUint32(foot[60:], sum)
			})
		}, "index file of an unknown version: 3, this program knows 2"},
		"salvaged": {false, func(f *fixture) {
			b := (&salvaged{Ranges: []PositionRange{{1, 2}}}).encode()
			b[8]++
			sealEnd(b)
			if err := replaceSmallFile(f.disk.fs, f.disk.dir, salvagedName, b); err != nil {
				f.t.Fatal(err)
			}
		}, "unknown version: 2, this program knows 1"},
	}
}

// A file of a newer format is refused with both versions, and nothing is
// changed: it must never count as damaged.
func TestNewerFormatsAreRefused(t *testing.T) {
	for name, c := range newerFiles() {
		t.Run(name, func(t *testing.T) {
			f := fill(t)
			if c.unclean {
				f.append(100, 1)
				f.killWithoutCheckpoint()
			} else {
				f.close()
			}
			c.age(f)
			before := diskNames(t, f.mem(), f.disk.dir)
			for range 2 { // and the second time is as the first
				_, _, err := Open(f.cfg, f.disk.env())
				if err == nil || !newerFormat(err) || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("opened with %v, want %q", err, c.want)
				}
			}
			if after := diskNames(t, f.mem(), f.disk.dir); before != after {
				t.Errorf("the files were %s, are %s", before, after)
			}
			if _, err := Check(f.disk.fs, f.disk.dir, CheckOptions{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the check says %v", err)
			}
		})
	}
}

func TestOtherStateVersion(t *testing.T) {
	s := newPartitionState()
	b := s.encode()
	b[0]++
	if _, err := decodeState(b); !newerFormat(err) || !strings.Contains(err.Error(), "4, this program knows 3") {
		t.Error(err)
	}
}

// A log that ends before its first checkpoint is nothing to warn of; an old one
// that has lost all of them is.
func TestYoungLogHasNoCheckpoint(t *testing.T) {
	for checkpointBytes, young := range map[int64]bool{1 << 20: true, 8 << 10: false} {
		f := newFixture(t, Config{SegmentBytes: 32 << 10, CheckpointBytes: checkpointBytes})
		for range 20 {
			f.append(1500, 1, 2, 3)
		}
		f.close()
		f.remove(checkpointPrefix)
		var begun []RebuildBegins
		env := f.disk.env()
		env.Events = func(e Event) {
			if b, ok := e.(RebuildBegins); ok {
				begun = append(begun, b)
			}
		}
		f.log, _ = mustOpen(t, f.cfg, env)
		if want := []RebuildBegins{{Why: "there is no checkpoint", Young: young}}; !slices.Equal(begun, want) {
			t.Errorf("%d bytes between checkpoints: %+v, want %+v", checkpointBytes, begun, want)
		}
		f.close()
	}
}
