package log

import (
	"bytes"
	"context"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// inFlight is an answer that was read and not written yet.
func (f *fixture) inFlight(id model.PartitionID, from, limit model.Offset) (out *span.List, files int) {
	f.t.Helper()
	out = &span.List{}
	if n, _, err := f.log.Partition(id).Read(ReadRequest{From: from, Limit: limit, MaxBytes: 1 << 20, MinOne: true}, out); err != nil || n == 0 {
		f.t.Fatal(n, err)
	}
	for _, s := range out.Spans() {
		if s.File != nil {
			files++
		}
	}
	return out, files
}

func (f *fixture) arrives(out *span.List, want []byte) {
	f.t.Helper()
	var got bytes.Buffer
	if _, err := out.WriteTo(&got); err != nil {
		f.t.Error(err)
	}
	out.Release()
	if !bytes.Equal(got.Bytes(), want) {
		f.t.Errorf("%d bytes arrive, and not the %d that were read", got.Len(), len(want))
	}
}

// The file that an answer is sent from stays open, though it is deleted and
// its space reclaimed meanwhile.
func TestSegmentStaysOpenInFlight(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 1 << 20, RingBytes: 1})
	for range 8 {
		f.append(300<<10, 1)
	}
	f.close()
	disk := &pagedFS{FS: f.mem(), sends: true}
	f.disk.fs = disk
	f.open()
	for _, file := range disk.files {
		file.missing(0, 1<<20, true)
	}
	want := bytes.Clone(f.want[1][:len(f.want[1])/8*2])
	out, files := f.inFlight(1, 0, 6)
	if files == 0 {
		t.Fatal("nothing of the answer is sent from a file")
	}
	f.deleteAll(1)
	if n, _, err := f.log.Reclaim(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	f.arrives(out, want)
	f.close()
}

// Memory that an answer is sent from, be it a request's buffer in the ring or
// what was read from a file, is nobody else's until it is sent.
func TestBuffersStayInFlight(t *testing.T) {
	f := newFixture(t, Config{RingBytes: 64 << 10})
	pool := span.NewPool(64 << 20)
	put := func(base model.Offset, size int) []byte {
		t.Helper()
		buffer, err := pool.Get(context.Background(), size+batch.HeaderSize)
		if err != nil {
			t.Fatal(err)
		}
		b, h := makeBatch(t, base, 3, size)
		w := newWaiter()
		a := newAppend(f.log.Partition(1), buffer.B[:copy(buffer.B, b)], h, 0, w)
		a.Buffer = buffer
		f.log.Enqueue(a)
		buffer.Release()
		if err := w.err(); err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := put(0, 20_000)
	fromRing, _ := f.inFlight(1, 0, 3)
	for i := range 20 {
		put(model.Offset(3+3*i), 20_000) // the ring lets go of the first, and its memory is used again
	}
	f.arrives(fromRing, first)

	fromFile, _ := f.inFlight(1, 0, 3)
	for range 20 {
		other, _ := f.inFlight(1, 3, 6)
		other.Release()
	}
	f.arrives(fromFile, first)
	f.close()
}
