package log

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

func TestReadBounds(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(1000, 1, 1, 1, 1) // offsets 0 to 11, batches of 1061 bytes
	if err := f.control(1, KindLogStart, 4, 1); err != nil {
		t.Fatal(err)
	}
	const size = 1061
	tests := []struct {
		name    string
		request ReadRequest
		batches int
		err     error
	}{
		{"below the start", ReadRequest{From: 3, Limit: 12, MaxBytes: 1 << 20}, 0, ErrOutOfRange},
		{"behind the end", ReadRequest{From: 13, Limit: 20, MaxBytes: 1 << 20}, 0, ErrOutOfRange},
		{"at the end", ReadRequest{From: 12, Limit: 20, MaxBytes: 1 << 20}, 0, nil},
		{"from the middle of a batch", ReadRequest{From: 4, Limit: 12, MaxBytes: 1 << 20}, 3, nil},
		{"limit inside a batch", ReadRequest{From: 4, Limit: 11, MaxBytes: 1 << 20}, 2, nil},
		{"limit inside the first", ReadRequest{From: 4, Limit: 5, MaxBytes: 1 << 20, MinOne: true}, 0, nil},
		{"bytes for two", ReadRequest{From: 4, Limit: 12, MaxBytes: 2*size + size/2}, 2, nil},
		{"bytes for none", ReadRequest{From: 4, Limit: 12, MaxBytes: size - 1}, 0, nil},
		{"bytes for none, one at least", ReadRequest{From: 4, Limit: 12, MaxBytes: size - 1, MinOne: true}, 1, nil},
		{"no bytes, one at least", ReadRequest{From: 9, Limit: 12, MinOne: true}, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out span.List
			defer out.Release()
			n, _, err := f.log.Partition(1).Read(tt.request, &out)
			if !errors.Is(err, tt.err) || n != tt.batches*size || out.Len() != n {
				t.Errorf("got %d bytes (%d in the list), %v; want %d batches, %v", n, out.Len(), err, tt.batches, tt.err)
			}
		})
	}
	f.close()
}

// From each source come the same bytes.
func TestReadSources(t *testing.T) {
	disk := &testDisk{fs: vfs.OS{}, dir: t.TempDir()}
	cfg := Config{RingBytes: 4 << 20}
	l, _ := mustOpen(t, cfg, disk.env())
	p := l.Partition(1)
	var want []byte
	var ws []*waiter
	for i := range 4 { // each longer than fileSpanMin, however they meet in runs
		b, _ := makeBatch(t, model.Offset(i*3), 3, 90_000)
		want = append(want, b...)
		ws = append(ws, appendTo(t, l, p, model.Offset(i*3), 3, 90_000))
	}
	for _, w := range ws {
		if err := w.err(); err != nil {
			t.Fatal(err)
		}
	}
	read := func(l *Log) (files, mems int) {
		t.Helper()
		var out span.List
		defer out.Release()
		if _, _, err := l.Partition(1).Read(ReadRequest{From: 0, Limit: 120, MaxBytes: 1 << 20}, &out); err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Spans() {
			if s.File != nil {
				files++
			} else {
				mems++
			}
		}
		var got bytes.Buffer
		if _, err := out.WriteTo(&got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Error("other bytes")
		}
		return files, mems
	}
	if files, mems := read(l); files != 0 || mems == 0 {
		t.Errorf("from the ring: %d files, %d slices", files, mems)
	}
	l.ShedMemory(1 << 30)
	if files, _ := read(l); files == 0 {
		t.Error("a long run in the page cache is not sent by file")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	disk.fs = vfs.NewFault(vfs.OS{}, func(op vfs.Op) error {
		if op.Is(vfs.KindReadCached) {
			return vfs.ErrWouldBlock
		}
		return nil
	})
	l, _ = mustOpen(t, cfg, disk.env())
	if files, mems := read(l); files != 0 || mems == 0 || l.Stats().ColdReads == 0 {
		t.Errorf("cold: %d files, %d slices, %d cold reads", files, mems, l.Stats().ColdReads)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// A disk error is told before anything of the answer is sent.
func TestReadError(t *testing.T) {
	f := newFixture(t, Config{RingBytes: 1})
	f.append(1000, 1, 1)
	_, fault := f.openFaulty()
	fault.SetHook(func(op vfs.Op) error {
		if op.Is(vfs.KindReadCached) {
			return vfs.ErrWouldBlock
		}
		if op.Is(vfs.KindRead) && strings.HasSuffix(op.Name, segmentSuffix) {
			return vfs.ErrIO
		}
		return nil
	})
	var out span.List
	n, _, err := f.log.Partition(1).Read(ReadRequest{From: 0, Limit: 6, MaxBytes: 1 << 20}, &out)
	if n != 0 || !errors.Is(err, vfs.ErrIO) || out.Len() != 0 {
		t.Errorf("got %d bytes, %v", n, err)
	}
	fault.SetHook(nil)
	f.check()
	f.close()
}

// The ring holds requests' buffers, counts what they pin, and lets all go.
func TestRingHoldsBuffers(t *testing.T) {
	f := newFixture(t, Config{RingBytes: 300 << 10})
	pool := span.NewPool(64 << 20)
	p, q := f.log.Partition(1), f.log.Partition(2)
	for i := range 40 {
		buffer, err := pool.Get(context.Background(), 50_000)
		if err != nil {
			t.Fatal(err)
		}
		b, h := makeBatch(t, model.Offset(i*3), 3, 9000)
		var ws []*waiter
		for k, part := range []*PartitionLog{p, q} {
			w := newWaiter()
			payload := buffer.B[k*20_000:][:copy(buffer.B[k*20_000:], b)]
			a := newAppend(part, payload, h, 0, w)
			a.Buffer = buffer
			a.Headers = []batch.Header{h}
			f.log.Enqueue(a)
			ws = append(ws, w)
		}
		buffer.Release()
		for _, w := range ws {
			if err := w.err(); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.log.Stats().RingBytes; n > 300<<10 {
			t.Fatalf("the ring pins %d bytes", n)
		}
	}
	if n := pool.InUse(); n == 0 || n > 300<<10 {
		t.Errorf("%d bytes are pinned", n)
	}
	readAll(t, p, 0)
	readAll(t, q, 0)
	f.close()
	if n := pool.InUse(); n != 0 {
		t.Errorf("%d bytes are still pinned", n)
	}
}

func TestDump(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(1000, 1, 2)
	if err := f.control(1, KindLogStart, 3, 1); err != nil {
		t.Fatal(err)
	}
	f.close()
	var out strings.Builder
	opts := DumpOptions{Entries: true, Batches: true, Indexes: true}
	if err := Dump(&out, f.disk.fs, f.disk.dir, opts); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"start: clean true, unclean starts 0", "checkpoint-0000000000000001: position", "segment 0, generation 1",
		"partition 1: 1 entries, offsets [0, 3)", "start 3, end 3", "0: batches, partition 1, offsets 0 to 2, 1 batches",
		"log-start, partition 1, offset 3", "batch 0 to 2, 3 records, 1061 bytes, none", ": the end",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestDumpOfAnotherDirectory(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/home"); err != nil {
		t.Fatal(err)
	}
	mustCreate := func(name string) {
		f, err := disk.Create(name)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	mustCreate("/home/letter.txt")
	var out bytes.Buffer
	if err := Dump(&out, disk, "/home", DumpOptions{}); !errors.Is(err, ErrNoLog) || out.Len() > 0 {
		t.Errorf("%v, printed %q", err, &out)
	}
	mustCreate("/home/" + startMarkName) // a damaged one still makes it a log's
	if err := Dump(&out, disk, "/home", DumpOptions{}); err != nil {
		t.Error(err)
	}
}
