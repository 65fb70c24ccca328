package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	testPartition = model.PartitionID(7)
	testSegment   = 1 << 20
)

// A broker finds what was filled in as any batches, and the disk hardly stores
// it.
func TestFill(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	f := &filler{log: l, free: make(chan *piece, inFlight), tails: []*tail{{partition: l.Partition(testPartition), epoch: 3}}}
	first, err := newPiece(f, 1000)
	if err != nil {
		t.Fatal(err)
	}
	f.free <- first
	for range inFlight - 1 {
		f.free <- &piece{}
	}
	if err := f.run(1); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)

	const total, each = 16 << 20, 64 << 10
	err = run([]string{
		"--data-dir", dir, "--partitions", "7", "--bytes", strconv.Itoa(total), "--batch-bytes", strconv.Itoa(each),
		"--segment-bytes", strconv.Itoa(testSegment),
	})
	if err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir)
	p := l.Partition(testPartition)
	if p.End() < total/each {
		t.Fatalf("%d batches are there", p.End())
	}
	for at := range p.End() {
		readOne(t, p, at)
	}
	closeLog(t, l)
	if stored := stored(t, dir); stored > total/2 {
		t.Errorf("%d bytes take %d on the disk", total, stored)
	}
}

func TestFillRefuses(t *testing.T) {
	dir := t.TempDir()
	closeLog(t, openLog(t, dir))
	for name, args := range map[string][]string{
		"no such partition": {"--data-dir", dir, "--partitions", "7", "--bytes", "1"},
		"no number":         {"--data-dir", dir, "--partitions", "x", "--bytes", "1"},
		"no directory":      {"--data-dir", filepath.Join(dir, "none"), "--partitions", "7", "--bytes", "1"},
	} {
		if err := run(args); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func openLog(t *testing.T, dir string) *log.Log {
	t.Helper()
	l, _, err := log.Open(log.Config{SegmentBytes: testSegment}, log.Env{
		FS: vfs.OS{}, Dir: dir, Clock: clock.Real{}, Events: func(log.Event) {},
		Standing: func(model.PartitionID) log.Standing { return log.Live }, Fatal: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t *testing.T, l *log.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// readOne reads the batch at an offset and checks its CRC.
func readOne(t *testing.T, p *log.PartitionLog, at model.Offset) {
	t.Helper()
	var list span.List
	defer list.Release()
	if _, _, err := p.Read(log.ReadRequest{From: at, Limit: at + 1, MinOne: true}, &list); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := list.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	h, err := batch.Parse(raw.Bytes())
	if err == nil {
		err = batch.Verify(raw.Bytes(), &h)
	}
	if err != nil || h.BaseOffset != at {
		t.Fatalf("at %d: %+v, %v", at, h, err)
	}
}

// stored is what the disk stores of a directory.
func stored(t *testing.T, dir string) (n int64) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			n += st.Blocks * 512
		}
	}
	return n
}
