package log

import (
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// window is a Completion that bounds how many appends are under way, as
// clients with a few requests in flight do.
type window struct {
	free chan struct{}
	done sync.WaitGroup
	tb   testing.TB
}

func (w *window) Written(*Append) {}

func (w *window) Durable(*Append) {
	<-w.free
	w.done.Done()
}

func (w *window) Failed(_ *Append, err error) {
	w.tb.Error(err)
	<-w.free
	w.done.Done()
}

// benchAppend appends batches of the given size, round robin over partitions,
// each waiting for the disk, with so many in flight.
func benchAppend(b *testing.B, size, partitions, inFlight int) {
	b.Helper()
	d := &testDisk{fs: vfs.OS{}, dir: b.TempDir()}
	l, _ := mustOpen(b, Config{}, d.env())
	payload, h := makeBatch(b, 0, 10, size)
	parts := make([]*PartitionLog, partitions)
	ends := make([]model.Offset, partitions)
	for i := range parts {
		parts[i] = l.Partition(model.PartitionID(i + 1))
	}
	w := &window{free: make(chan struct{}, inFlight), tb: b}
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		w.free <- struct{}{}
		w.done.Add(1)
		k := i % partitions
		h.BaseOffset = ends[k]
		l.Enqueue(&Append{
			Partition: parts[k], Kind: KindBatches, Epoch: 1, BaseOffset: ends[k],
			Payload: payload, Headers: []batch.Header{h}, Sync: true, Done: w,
		})
		ends[k] += 10
	}
	w.done.Wait()
	b.StopTimer()
	s := l.Stats()
	b.ReportMetric(float64(s.Groups)/float64(b.N), "groups/op")
	b.ReportMetric(float64(s.Syncs)/float64(b.N), "syncs/op")
	if err := l.Close(); err != nil {
		b.Error(err)
	}
}

func BenchmarkAppend1MiB(b *testing.B)                { benchAppend(b, 1<<20, 1, 8) }
func BenchmarkAppend16KiB(b *testing.B)               { benchAppend(b, 16<<10, 1, 80) }
func BenchmarkAppend16KiBAlone(b *testing.B)          { benchAppend(b, 16<<10, 1, 1) }
func BenchmarkAppend10000Partitions(b *testing.B)     { benchAppend(b, 16<<10, 10_000, 400) }
func BenchmarkAppend1KiB10000Partitions(b *testing.B) { benchAppend(b, 1<<10, 10_000, 5000) }
