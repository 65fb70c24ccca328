package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// halfBroker is what of a broker has files: metadata and log, on the real disk.
type halfBroker struct {
	*broker
}

// startHalf opens what a broker opens first, and returns what it says.
func startHalf(dir string) (*halfBroker, error) {
	cfg := Config{DataDir: dir, NodeID: 1, Resolver: cluster.NewResolver(map[string]string{
		cluster.SegmentBytesKey: "1048576", cluster.ScrubKey: "0", cluster.DiskBallastKey: "0",
	})}
	b := &broker{
		cfg: cfg, log: zap.NewNop(), out: io.Discard, fs: vfs.OS{}, clock: clock.Real{},
		fatal: make(chan error, 1), full: make(chan struct{}, 1),
	}
	for _, step := range []func() error{b.lockDir, b.openDisk, b.openMetadata, b.openLog} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("%w; close: %w", err, b.close())
		}
	}
	return &halfBroker{b}, nil
}

// record is a batch of one record.
func recordBatch(base model.Offset, size int) []byte {
	b := make([]byte, 61+size)
	be := binary.BigEndian
	be.PutUint64(b, uint64(base))
	be.PutUint32(b[8:], uint32(len(b)-12))
	be.PutUint32(b[12:], 1)
	b[16] = 2
	be.PutUint64(b[27:], 1000)
	be.PutUint64(b[35:], 1000)
	be.PutUint64(b[43:], ^uint64(0))
	be.PutUint16(b[51:], ^uint16(0))
	be.PutUint32(b[53:], ^uint32(0))
	be.PutUint32(b[57:], 1)
	for i := range b[61:] {
		b[61+i] = byte(int(base) + i)
	}
	be.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// appended hears of an append.
type appended chan error

func (a appended) Written(*log.Append)             {}
func (a appended) Durable(*log.Append)             { a <- nil }
func (a appended) Failed(_ *log.Append, err error) { a <- err }

func (h *halfBroker) produce(id model.PartitionID, n, size int) error {
	p := h.commitLog.Partition(id)
	for range n {
		b := recordBatch(p.End(), size)
		head, err := batch.Parse(b)
		if err != nil {
			return err
		}
		done := make(appended, 1)
		h.commitLog.Enqueue(&log.Append{
			Partition: p, Kind: log.KindBatches, Epoch: 1, BaseOffset: p.End(), Payload: b, Headers: []batch.Header{head},
			Sync: true, Generation: p.Generation(), Done: done,
		})
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}

// fetch reads a partition from an offset to its end, and counts batches.
func (h *halfBroker) fetch(id model.PartitionID, from model.Offset) (n int, err error) {
	p := h.commitLog.Partition(id)
	for from < p.End() {
		var out span.List
		got, _, err := p.Read(log.ReadRequest{From: from, Limit: p.End(), MaxBytes: 1 << 20, MinOne: true}, &out)
		if err != nil || got == 0 {
			return n, err
		}
		var b bytes.Buffer
		if _, err := out.WriteTo(&b); err != nil {
			return n, err
		}
		out.Release()
		for x, err := range batch.Split(b.Bytes()) {
			if err != nil {
				return n, err
			}
			n++
			from = x.LastOffset() + 1
		}
	}
	return n, nil
}

// makeBroker makes a data directory of two topics and several segments.
func makeBroker(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	for range 2 { // two lives, for two checkpoints
		h, err := startHalf(dir)
		if err != nil {
			t.Fatal(err)
		}
		h.meta.CreateTopics([]cluster.TopicSpec{{Name: "orders", Partitions: 2}, {Name: "payments", Partitions: 1}})
		for id := model.PartitionID(1); id <= 3; id++ {
			if err := h.produce(id, 12, 50_000); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), process{args: args, stdout: &out, stderr: &errs})
	return code, out.String(), errs.String()
}

func filesOf(t *testing.T, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(list) == 0 {
		t.Fatal(pattern, list, err)
	}
	slices.Sort(list)
	return list
}

func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		all = append(all, fmt.Sprint(name, " ", info.Size(), " ", info.ModTime()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// flipAt damages a byte of a file.
func flipAt(t *testing.T, name string, off int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}

func TestLogCheckIsClean(t *testing.T) {
	dir := makeBroker(t)
	before := listing(t, dir)
	code, out, errs := command(t, "log", "check", dir)
	if code != exitOK || !strings.Contains(out, "no damage") || errs != "" {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	code, out, _ = command(t, "log", "check", "--data-dir", dir, "-o", "json")
	var r log.CheckReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK || r.Partitions != 3 || r.Batches != 72 {
		t.Errorf("%d, %v\n%s", code, err, out)
	}
	if strings.Contains(out, "null") || r.Findings == nil || r.Lost == nil || r.Waiting == nil || r.Aside == nil {
		t.Errorf("programs do not get empty lists:\n%s", out)
	}
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("files were\n%v\nare\n%v", before, after)
	}
}

func TestLogCheckCouldNotRun(t *testing.T) {
	dir := makeBroker(t)
	for _, verb := range []string{"check", "salvage", "dump"} {
		for at, want := range map[string]string{
			t.TempDir():                " holds no data of a broker: name the data directory",
			filepath.Join(dir, "none"): "there is no directory ",
			filepath.Join(dir, "lock"): " is a file: name the data directory",
		} {
			if code, _, errs := command(t, "log", verb, at); code != exitUsage || !strings.Contains(errs, want) {
				t.Errorf("%s %s: %d, %s, want %q", verb, at, code, errs, want)
			}
		}
	}
	h, err := startHalf(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"check", "salvage"} {
		if code, _, errs := command(t, "log", verb, dir); code != exitUsage || !strings.Contains(errs, "stop") {
			t.Errorf("%s beside a broker: %d, %s", verb, code, errs)
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// A flipped byte below the checkpoint: the check names topic and offset, the
// salvage gives it up, and a consumer goes on behind it.
func TestLogSalvage(t *testing.T) {
	dir := makeBroker(t)
	flipAt(t, filesOf(t, dir, "*.segment")[0], 4096+5*50_300)
	code, out, errs := command(t, "log", "check", dir)
	if code != exitFailed || !strings.Contains(errs, "there is damage") || !strings.Contains(out, "LOST") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	if !strings.Contains(out, "orders  0          5 to 5   1") {
		t.Errorf("the lost offsets are not told:\n%s", out)
	}
	if code, out, _ := command(t, "log", "salvage", "--dry-run", dir); code != exitOK || !strings.Contains(out, "nothing was done") {
		t.Errorf("%d\n%s", code, out)
	}
	before := listing(t, dir)
	if code, _, errs := command(t, "log", "salvage", dir); code != exitUsage || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("without --yes: %d, %s", code, errs)
	}
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("files were\n%v\nare\n%v", before, after)
	}
	code, out, errs = command(t, "log", "salvage", "--yes", dir)
	if code != exitOK || !strings.Contains(out, "LOST FOR GOOD") || !strings.Contains(out, "done: start the broker") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	h, err := startHalf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := h.fetch(1, 0); n != 23 || err != nil {
		t.Errorf("a consumer got %d batches, %v; want all but one", n, err)
	}
	if err := h.produce(1, 1, 100); err != nil {
		t.Error(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := command(t, "log", "check", dir); code != exitOK || !strings.Contains(out, "given up") {
		t.Errorf("after all: %d\n%s", code, out)
	}
	if code, out, _ := command(t, "log", "salvage", dir); code != exitOK || !strings.Contains(out, "nothing to salvage") {
		t.Errorf("once more: %d\n%s", code, out)
	}
}

// What salvage can not mend it says, and fails: a directory in the place of a
// file keeps the broker from starting, and is nobody's to rename.
func TestLogSalvageCannot(t *testing.T) {
	for _, pattern := range []string{"checkpoint-*", "*.index", "start"} {
		t.Run(pattern, func(t *testing.T) {
			dir := makeBroker(t)
			for _, name := range filesOf(t, dir, pattern) {
				if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o755)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := startHalf(dir); err == nil {
				t.Fatal("the broker starts")
			}
			before := listing(t, dir)
			if code, _, errs := command(t, "log", "salvage", "--yes", dir); code != exitFailed || !strings.Contains(errs, "salvage can not mend this") ||
				!strings.Contains(errs, "is a directory") {
				t.Errorf("%d, %s", code, errs)
			}
			if after := listing(t, dir); !slices.Equal(before, after) {
				t.Errorf("files were\n%v\nare\n%v", before, after)
			}
		})
	}
}

// TestDumpTopics: numbers in the log are told by name, and one that nobody has
// is told of.
func TestDumpTopics(t *testing.T) {
	dir := makeBroker(t)
	code, out, errs := command(t, "log", "dump", "--topics", dir)
	if code != exitOK || strings.Count(out, "\n") != 3 || !strings.HasPrefix(out, "1: ") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	for number, want := range map[string]bool{"1": false, "77": true} {
		code, _, errs := command(t, "log", "dump", "--partition", number, dir)
		if noted := strings.Contains(errs, "has the number "+number+" now"); code != exitOK || noted != want {
			t.Errorf("partition %s: %d, %s", number, code, errs)
		}
	}
}
