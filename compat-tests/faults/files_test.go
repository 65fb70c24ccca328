package faults

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestUnusableFiles starts the binary on directories that it must refuse: it
// ends at once with the file's name and the next step, says the same again, and
// changes nothing. What it goes on without, and what the other verbs say, is
// tested beside cmd/mainstem.
func TestUnusableFiles(t *testing.T) {
	testbroker.Quick(t)
	d := newSmallDisk(t, "", map[string]string{"log.retention.check.interval.ms": "500"})
	d.prepare()
	d.makeColdLog()
	// Twice: a start that is refused because of the log has put what the journal
	// of the metadata held into a new snapshot already. Here there is nothing in it.
	if err := errors.Join(d.broker.Stop(), d.broker.Restart(), d.broker.Stop()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file  string
		fault func(name string) error
		words []string
	}{
		"missing segment":       {"0*.segment", os.Remove, []string{"is missing; nothing was changed", ".segment", "Put the file back from a copy; ", "log salvage "}},
		"missing cold segment":  {"cold-*.segment", os.Remove, []string{"is missing; nothing was changed", "segment cold-", "Put the file back from a copy; ", "log salvage "}},
		"missing journal":       {"metadata/journal-*", os.Remove, []string{"journal-", "is missing, but snapshot-", "from a backup"}},
		"missing snapshot":      {"metadata/snapshot-*", os.Remove, []string{"holds no snapshot", "Put the metadata directory back from a backup; nothing was changed"}},
		"empty snapshot":        {"metadata/snapshot-*", empty, []string{"snapshot-", "restore the metadata directory from a backup"}},
		"empty journal":         {"metadata/journal-*", empty, []string{"journal-", "restore the metadata directory from a backup"}},
		"segment of a newer":    {"0*.segment", newerSegment, []string{".segment", "unknown version: ", "this program knows ", "a newer Mainstem wrote it: start that one"}},
		"cold one of a newer":   {"cold-*.segment", newerSegment, []string{"cold-", "unknown version: ", "this program knows ", "a newer Mainstem wrote it: start that one"}},
		"checkpoint of a newer": {"checkpoint-*", newerSmall, []string{"checkpoint-", "unknown version: ", "this program knows ", "a newer Mainstem wrote it: start that one"}},
		"start of a newer":      {"start", newerSmall, []string{"read start", "unknown version: ", "this program knows ", "a newer Mainstem wrote it: start that one"}},
		"metadata of a newer":   {"metadata/snapshot-*", newerSmall, []string{"snapshot-", "format version ", "start the newer version, nothing was changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(dataDir(t, ""), "copy")
			if err := os.CopyFS(dir, os.DirFS(d.data)); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, c.file))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			if err := c.fault(files[0]); err != nil {
				t.Fatal(err)
			}
			refusesTwice(t, dir, c.words)
		})
	}
}

// refusesTwice starts a broker that ends by itself.
func refusesTwice(t *testing.T, dir string, words []string) {
	t.Helper()
	bin, err := harness.MainstemBinary()
	if err != nil {
		t.Fatal(err)
	}
	ports, err := harness.FreePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	before, first := unlocked(filesIn(t, dir)), ""
	for range 2 {
		begin := time.Now()
		cmd := exec.CommandContext(t.Context(), bin, "serve", "--data-dir", dir, "--listen", harness.Local(ports[0]), "--http", harness.Local(ports[1]),
			"--set", "mainstem.log.segment.bytes=4194304")
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || time.Since(begin) > patience {
			t.Fatalf("it did not refuse, or not at once: %v\n%s", err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		last := lines[len(lines)-1]
		for _, w := range words {
			if !strings.Contains(last, w) {
				t.Errorf("it does not say %q: %s", w, last)
			}
		}
		if strings.Contains(string(out), "goroutine ") || first != "" && first != last {
			t.Errorf("it crashed, or says something else the second time:\n%s\n%s", first, out)
		}
		first = last
	}
	t.Log(strings.ReplaceAll(first, dir, "DIR"))
	if after := unlocked(filesIn(t, dir)); !slices.Equal(before, after) {
		t.Errorf("files were\n%s\nare\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// unlocked leaves out what every start touches and holds nothing.
func unlocked(files []string) []string {
	return slices.DeleteFunc(files, func(f string) bool {
		return strings.Contains(f, "/lock ") || strings.Contains(f, "/ballast ")
	})
}

func empty(name string) error { return os.Truncate(name, 0) }

// newerSegment makes a segment one of a newer version.
func newerSegment(name string) error {
	return edit(name, func(b []byte) {
		b[8]++
		binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], crc32.MakeTable(crc32.Castagnoli)))
	})
}

// newerSmall does so with a file that ends in its CRC, or has none over its version.
func newerSmall(name string) error {
	return edit(name, func(b []byte) {
		b[8]++
		end := len(b) - 4
		binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)))
	})
}

func edit(name string, change func(b []byte)) error {
	b, err := os.ReadFile(name)
	if err == nil {
		change(b)
		err = os.WriteFile(name, b, 0o644)
	}
	return err
}
