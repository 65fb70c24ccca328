package faults

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestDamage flips bits below the synced end of the main log and of the cold log
// while the broker runs: the scrub finds them, reads of that range alone are
// refused, everything else is served, and nothing is cut. Then the check tells
// what is lost and touches nothing, and the salvage asks first.
func TestDamage(t *testing.T) {
	testbroker.Quick(t)
	d := newSmallDisk(t, "tmpfs", map[string]string{
		"mainstem.scrub.bytes.per.second": fmt.Sprint(64 << 20), "log.retention.check.interval.ms": "500",
	})
	d.prepare()
	d.makeColdLog()
	last := d.endOfKept() - 1
	hits := []int64{d.flipRecord("cold-*.segment", 2), d.flipRecord("0*.segment", 0)}
	t.Logf("records %v of %d are damaged", hits, last+1)
	if hits[0] == hits[1] {
		t.Fatal("both flips hit one record")
	}
	if err := d.broker.Kill(); err != nil { // the pass that is under way may be over already
		t.Fatal(err)
	}
	if err := d.broker.Restart(); err != nil {
		t.Fatal(err)
	}
	// The first pass begins a minute after the start.
	testbroker.Eventually(t, 2*time.Minute, func() error {
		_, text := d.get("/metrics")
		if !strings.Contains(text, "\nmainstem_log_damaged_ranges 2\n") {
			return errors.New("two damaged ranges are not shown")
		}
		return nil
	})
	if status, text := d.get("/readyz?verbose"); status != http.StatusOK || !strings.Contains(text, "2 damaged ranges of the log") || !strings.Contains(text, "run `mainstem log check`") {
		t.Errorf("readyz: %d %s", status, text)
	}
	for offset := range last + 1 {
		if !slices.Contains(hits, offset) {
			d.serves(offset, offset)
		} else if got := d.fetchKept(offset); !errors.Is(got.Err, kerr.CorruptMessage) || len(got.Records) != 0 {
			t.Errorf("a fetch of the damaged offset %d is answered with %d records, %v", offset, len(got.Records), got.Err)
		}
	}
	d.must(keptRecord(last+1, 0))
	if err := d.broker.Stop(); err != nil {
		t.Fatal(err)
	}
	d.checkAndSalvage(hits)
	if err := d.broker.Restart(); err != nil {
		t.Fatal(err)
	}
	// What is lost is passed over.
	for offset, next := last+1, last+1; offset >= 0; offset-- {
		if !slices.Contains(hits, offset) {
			next = offset
		}
		d.serves(offset, next)
	}
	if end := d.endOfKept(); end != last+2 {
		t.Errorf("the topic ends at %d, want %d", end, last+2)
	}
}

// checkAndSalvage runs the two on the stopped broker's directory.
func (d *smallDisk) checkAndSalvage(hits []int64) {
	t := d.t
	t.Helper()
	before := d.files()
	code, out := d.command("log", "check", d.data)
	if code != 1 || strings.Count(out, "kept") < len(hits) {
		t.Errorf("the check: %d\n%s", code, out)
	}
	for _, offset := range hits {
		if !strings.Contains(out, fmt.Sprintf("%d to %d", offset, offset)) {
			t.Errorf("the check does not tell of offset %d:\n%s", offset, out)
		}
	}
	if code, out := d.command("log", "salvage", d.data); code != 2 || !strings.Contains(out, "LOST FOR GOOD") || !strings.Contains(out, "say --yes") {
		t.Errorf("a salvage that nobody confirms: %d\n%s", code, out)
	}
	if after := d.files(); !slices.Equal(before, after) {
		t.Errorf("check or salvage changed files that were\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if code, out := d.command("log", "salvage", "--yes", d.data); code != 0 || !strings.Contains(out, "done: start the broker") {
		t.Fatalf("the salvage: %d\n%s", code, out)
	}
}

// makeColdLog has a part of what lives moved to the cold log.
func (d *smallDisk) makeColdLog() {
	d.t.Helper()
	for i := range int64(8 * segmentBytes / (10 * batchValue)) {
		for range 9 {
			d.must(&kgo.Record{Topic: "doomed", Value: make([]byte, batchValue)})
		}
		d.must(keptRecord(keptRecords+i, batchValue))
	}
	if _, err := d.admin.DeleteTopic(d.ctx, "doomed"); err != nil {
		d.t.Fatal(err)
	}
	testbroker.Eventually(d.t, time.Minute, func() error {
		if cold, err := filepath.Glob(filepath.Join(d.data, "cold-*.segment")); err != nil || len(cold) == 0 {
			return errors.Join(errors.New("no segment of the cold log"), err)
		}
		return d.told("space given back")
	})
}

// flipRecord flips a bit of the n-th large record of the first file of a kind,
// and returns its offset.
func (d *smallDisk) flipRecord(pattern string, n int) int64 {
	d.t.Helper()
	names, err := filepath.Glob(filepath.Join(d.data, pattern))
	if err != nil || len(names) == 0 {
		d.t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		d.t.Fatal(err)
	}
	at, filling := 0, bytes.Repeat([]byte(keptFilling), 100)
	for range n + 1 {
		i := bytes.Index(b[at:], filling)
		if i < 0 {
			d.t.Fatalf("%s has no such record", names[0])
		}
		at += i + batchValue
	}
	at -= batchValue
	// The batch's header of 61 bytes begins some bytes before its first record's value.
	base := bytes.LastIndex(b[:at-40], []byte{2}) // its magic, at 16
	for base >= 16 && (b[base-16] != 0 || at-base > 80) {
		base = bytes.LastIndex(b[:base], []byte{2})
	}
	if base < 16 || at-base > 80 {
		d.t.Fatalf("%s: no batch before %d", names[0], at)
	}
	offset := int64(0)
	for _, x := range b[base-16 : base-8] {
		offset = offset<<8 | int64(x)
	}
	f, err := os.OpenFile(names[0], os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte{b[at+1000] ^ 4}, int64(at+1000))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return offset
}

// command runs the binary.
func (d *smallDisk) command(args ...string) (code int, output string) {
	d.t.Helper()
	return runBinary(d.t, args...)
}

func runBinary(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	bin, err := harness.MainstemBinary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// files names each file with its size and its time.
func (d *smallDisk) files() []string { return filesIn(d.t, d.data) }

func filesIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			all = append(all, fmt.Sprint(name, " ", info.Size(), " ", info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
