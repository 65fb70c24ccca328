package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
)

// keepAll is a compaction that drops nothing.
type keepAll struct{}

func (keepAll) Learn([]byte) (full bool, err error)     { return false, nil }
func (keepAll) Clean(b []byte) (kept []byte, err error) { return b, nil }

// makeOldBroker makes a data directory with every kind of file: part of its log
// was relocated, part compacted, and damage was given up.
func makeOldBroker(t *testing.T) string {
	t.Helper()
	dir := makeBroker(t)
	h, err := startHalf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.produce(3, 100, 50_000); err != nil {
		t.Fatal(err)
	}
	for id, start := range map[model.PartitionID]model.Offset{2: 24, 3: 30} {
		p, done := h.commitLog.Partition(id), make(appended, 1)
		h.commitLog.Enqueue(&log.Append{
			Partition: p, Kind: log.KindLogStart, Epoch: 1, BaseOffset: start, Sync: true, Generation: p.Generation(), Done: done,
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := h.close(); err != nil { // the checkpoints are what relocation asks for
		t.Fatal(err)
	}
	if h, err = startHalf(dir); err != nil {
		t.Fatal(err)
	}
	if n, _, err := h.commitLog.Relocate(); err != nil || n == 0 {
		t.Fatalf("%d segments relocated, %v", n, err)
	}
	if n, _, err := h.commitLog.Reclaim(); err != nil || n == 0 {
		t.Fatalf("%d segments reclaimed, %v", n, err)
	}
	// Half of what was relocated stays in the cold log.
	if done, err := h.commitLog.Partition(1).Compact(12, keepAll{}, log.Pace{}); err != nil || done.BatchesKept != 12 {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	segments := filesOf(t, dir, "0*.segment")
	flipAt(t, segments[len(segments)-2], 4096+5*50_300)
	if code, out, errs := command(t, "log", "salvage", "--yes", dir); code != exitOK {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	return dir
}

// fileFormat is where a kind of file says its version, as docs/format.md has it.
type fileFormat struct {
	kind    string
	version int // where its lowest byte stands
	// sealed: bytes [0, sealed) have their CRC at sealed; sealedEnd: all bytes
	// but the last four have it there; 0: the version is not under a CRC.
	sealed int
	// footed: the first 64 bytes are repeated in the CRC of the last 64.
	footed bool
}

const sealedEnd = -1

// formatOf knows all files of a data directory by name.
func formatOf(name string) (f fileFormat, ok bool) {
	base := filepath.Base(name)
	for _, c := range []struct {
		pattern string
		fileFormat
	}{
		{"cold-*.segment", fileFormat{kind: "cold segment", version: 8, sealed: 60}},
		{"side-*.segment", fileFormat{kind: "side segment", version: 8, sealed: 60}},
		{"*.segment", fileFormat{kind: "segment", version: 8, sealed: 60}},
		{"*.index", fileFormat{kind: "index", version: 8, sealed: 60, footed: true}},
		{"checkpoint-*", fileFormat{kind: "checkpoint", version: 8, sealed: sealedEnd}},
		{"start", fileFormat{kind: "start", version: 8, sealed: sealedEnd}},
		{"salvaged", fileFormat{kind: "salvaged", version: 8, sealed: sealedEnd}},
		{"journal-*", fileFormat{kind: "journal", version: 8}},
		{"snapshot-*", fileFormat{kind: "snapshot", version: 8}},
	} {
		if match, err := filepath.Match(c.pattern, base); err == nil && match {
			return c.fileFormat, true
		}
	}
	return fileFormat{}, false
}

// raise makes a file one of a newer version, as sound as its writer would.
func (f *fileFormat) raise(b []byte) {
	castagnoli, le := crc32.MakeTable(crc32.Castagnoli), binary.LittleEndian
	b[f.version]++
	switch end := len(b) - 4; f.sealed {
	case 0:
	case sealedEnd:
		le.PutUint32(b[end:], crc32.Checksum(b[:end], castagnoli))
	default:
		le.PutUint32(b[f.sealed:], crc32.Checksum(b[:f.sealed], castagnoli))
	}
	if f.footed {
		foot := b[len(b)-64:]
		le.PutUint32(foot[60:], crc32.Update(crc32.Checksum(b[:64], castagnoli), castagnoli, foot[:60]))
	}
}

// Every kind of file carries its version where docs/format.md says, and a newer
// one is refused with both versions, every time, by every verb; nothing is
// changed by that. A kind of file that this test does not know fails it.
func TestEveryFileHasAVersion(t *testing.T) {
	sound := makeOldBroker(t)
	tried := make(map[string]bool)
	for _, name := range onlyFiles(t, append(filesOf(t, sound, "*"), filesOf(t, sound, "metadata/*")...)) {
		base := filepath.Base(name)
		if base == lockName || strings.HasPrefix(base, "quarantine-") {
			continue // holds nothing; is never read
		}
		f, ok := formatOf(name)
		if !ok {
			t.Errorf("%s: a kind of file of which nobody says where its version stands", base)
			continue
		}
		if tried[f.kind] {
			continue
		}
		tried[f.kind] = true
		t.Run(f.kind, func(t *testing.T) { newerIsRefused(t, sound, name, &f) })
	}
	for _, kind := range []string{"cold segment", "side segment", "segment", "index", "checkpoint", "start", "salvaged", "journal", "snapshot"} {
		if !tried[kind] {
			t.Errorf("there was no file of the kind %q", kind)
		}
	}
}

func newerIsRefused(t *testing.T, sound, name string, f *fileFormat) {
	t.Helper()
	dir := copyOf(t, sound)
	rel, err := filepath.Rel(sound, name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	version := int(b[f.version])
	f.raise(b)
	if err := os.WriteFile(filepath.Join(dir, rel), b, 0o600); err != nil {
		t.Fatal(err)
	}
	before := strings.Join(contentsOf(t, dir), "\n")
	says := func(text string) bool {
		return strings.Contains(text, filepath.Base(name)) && strings.Contains(text, "version") &&
			strings.Contains(text, strconv.Itoa(version+1)) && strings.Contains(text, strconv.Itoa(version))
	}
	for range 2 {
		if _, err := startHalf(dir); err == nil || !says(err.Error()) {
			t.Errorf("the start says %v", err)
		}
	}
	for _, args := range [][]string{{"log", "check", dir}, {"log", "salvage", "--yes", dir}, {"log", "salvage", "--drop-indexes", "--yes", dir}} {
		if code, _, errs := command(t, args...); code != exitUsage || !says(errs) {
			t.Errorf("%v: %d, %s", args, code, errs)
		}
	}
	if after := strings.Join(contentsOf(t, dir), "\n"); before != after {
		t.Errorf("the files were\n%s\nare\n%s", before, after)
	}
}

// contentsOf names each file of a directory with what it holds, but for the
// lock, which tells who was there last.
func contentsOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, name := range onlyFiles(t, append(filesOf(t, dir, "*"), filesOf(t, dir, "metadata/*")...)) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) != lockName {
			all = append(all, fmt.Sprintf("%s: %d bytes, %08x", name, len(b), crc32.ChecksumIEEE(b)))
		}
	}
	return all
}
