package log

import (
	"bytes"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// waiter is a Completion that a test can wait for.
type waiter struct {
	written, durable chan struct{}
	failed           chan error
}

func newWaiter() *waiter {
	return &waiter{make(chan struct{}, 1), make(chan struct{}, 1), make(chan error, 1)}
}

func (w *waiter) Written(*Append)             { w.written <- struct{}{} }
func (w *waiter) Durable(*Append)             { w.durable <- struct{}{} }
func (w *waiter) Failed(_ *Append, err error) { w.failed <- err }

// err waits until the append is durable or has failed.
func (w *waiter) err() error {
	select {
	case <-w.durable:
		return nil
	case err := <-w.failed:
		return err
	}
}

// testDisk is a disk and what the log needs around it.
type testDisk struct {
	fs       vfs.FS
	dir      string
	standing map[model.PartitionID]Standing
	clock    clock.Clock // nil: the real one
	fatal    error
}

func (d *testDisk) env() Env {
	c := d.clock
	if c == nil {
		c = clock.Real{}
	}
	return Env{
		FS: d.fs, Dir: d.dir, Clock: c,
		Standing: func(id model.PartitionID) Standing {
			if s, ok := d.standing[id]; ok {
				return s
			}
			return Live
		},
		Fatal: func(err error) { d.fatal = err },
	}
}

func newMemDisk(t *testing.T) *testDisk {
	t.Helper()
	m := vfs.NewMem()
	if err := m.MkdirAll("/data"); err != nil {
		t.Fatal(err)
	}
	return &testDisk{fs: m, dir: "/data"}
}

func mustOpen(tb testing.TB, cfg Config, env Env) (*Log, *Recovery) {
	tb.Helper()
	l, found, err := Open(cfg, env)
	if err != nil {
		tb.Fatal(err)
	}
	return l, found
}

// makeBatch is a batch of n records with the given filler.
func makeBatch(tb testing.TB, base model.Offset, n, size int) ([]byte, batch.Header) {
	tb.Helper()
	b := rawBatch(base, n, size)
	h, err := batch.Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	return b, h
}

func appendTo(tb testing.TB, l *Log, p *PartitionLog, base model.Offset, n, size int) *waiter {
	tb.Helper()
	b, h := makeBatch(tb, base, n, size)
	w := newWaiter()
	l.Enqueue(newAppend(p, b, h, p.Generation(), w))
	return w
}

func newAppend(p *PartitionLog, b []byte, h batch.Header, generation uint32, done Completion) *Append {
	return &Append{
		Partition: p, Kind: KindBatches, Epoch: max(1, p.lastEpoch()), BaseOffset: h.BaseOffset, Payload: b,
		Headers: []batch.Header{h}, Sync: true, Generation: generation, Done: done,
	}
}

func readAll(tb testing.TB, p *PartitionLog, from model.Offset) []byte {
	tb.Helper()
	var all bytes.Buffer
	for from < p.End() {
		var out span.List
		n, _, err := p.Read(ReadRequest{From: from, Limit: p.End(), MaxBytes: 100 << 10, MinOne: true}, &out)
		if err != nil {
			tb.Fatalf("read partition %d from %d: %v", p.ID(), from, err)
		}
		if n == 0 {
			tb.Fatalf("read partition %d from %d: nothing", p.ID(), from)
		}
		var part bytes.Buffer
		if _, err := out.WriteTo(&part); err != nil {
			tb.Fatal(err)
		}
		out.Release()
		for b, err := range batch.Split(part.Bytes()) {
			if err != nil {
				tb.Fatal(err)
			}
			from = b.LastOffset() + 1
		}
		all.Write(part.Bytes())
	}
	return all.Bytes()
}

func TestAppendReadReopen(t *testing.T) {
	for _, disk := range []string{"mem", "os"} {
		t.Run(disk, func(t *testing.T) {
			d := newMemDisk(t)
			if disk == "os" {
				d.fs, d.dir = vfs.OS{}, t.TempDir()
			}
			cfg := Config{SegmentBytes: 1 << 20, RingBytes: 64 << 10}
			l, found := mustOpen(t, cfg, d.env())
			if !found.Fresh {
				t.Error("not fresh")
			}
			want := make(map[model.PartitionID][]byte)
			ends := make(map[model.PartitionID]model.Offset)
			for i := range 300 {
				id := model.PartitionID(i%7 + 1)
				p := l.Partition(id)
				size := 100 + i*97%20_000
				b, _ := makeBatch(t, ends[id], 3, size)
				want[id] = append(want[id], b...)
				if err := appendTo(t, l, p, ends[id], 3, size).err(); err != nil {
					t.Fatal(err)
				}
				ends[id] += 3
				if p.DurableEnd() != ends[id] {
					t.Fatalf("durable end %d, want %d", p.DurableEnd(), ends[id])
				}
			}
			check := func() {
				t.Helper()
				for id, b := range want {
					if got := readAll(t, l.Partition(id), 0); !bytes.Equal(got, b) {
						t.Errorf("partition %d: %d bytes, want %d", id, len(got), len(b))
					}
				}
			}
			check()
			for range 3 {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l, found = mustOpen(t, cfg, d.env())
				if len(found.Corrupt) > 0 || found.TornBytes > 0 {
					t.Errorf("recovery: %+v", found)
				}
				check()
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
