package log

import (
	"runtime"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// manyPartitions is what a large broker has.
const manyPartitions = 100_000

// idleWorld is a log of n partitions over a real disk, each with one batch of
// an idempotent producer, all in index files.
type idleWorld struct {
	disk  *vfs.Fault // counts
	log   *Log
	table *partitionTable
	files *indexFiles
	at    Position
	base  model.Offset
}

func newIdleWorld(tb testing.TB, n int) *idleWorld {
	tb.Helper()
	w := &idleWorld{disk: vfs.NewFault(vfs.OS{}, nil), log: &Log{}, table: newPartitionTable()}
	w.files = newIndexFiles(w.disk, tb.TempDir(), 0)
	for id := range model.PartitionID(n) {
		w.table.findOrAdd(id+1, func() *PartitionLog { return newPartitionLog(id+1, w.log) })
	}
	tb.Cleanup(func() {
		if err := w.files.close(); err != nil {
			tb.Error(err)
		}
	})
	return w
}

// appendAll appends a batch to each partition.
func (w *idleWorld) appendAll() {
	headers := []batch.Header{{
		BaseOffset: w.base, Size: 1000, LastOffsetDelta: 9, MaxTimestamp: 1_700_000_000_000, ProducerID: 5, BaseSequence: 1,
	}}
	for _, p := range w.table.all() {
		p.applyBatches(batchesApplied{Entry: w.at, Distance: 96, Epoch: 3, AppendTime: 1_700_000_000_000, Headers: headers})
		w.at += 1096
	}
	w.base += 10
}

func (w *idleWorld) checkpoint(tb testing.TB) int64 {
	tb.Helper()
	f, err := w.files.write(w.log.shared.dirty.snapshot())
	if err != nil {
		tb.Fatal(err)
	}
	return f.Bytes()
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An idle partition costs under 1 KiB, its place in the table included, and no
// descriptor; also one whose batches are spread over several index files.
func TestIdlePartitionMemory(t *testing.T) {
	before := heap()
	w := newIdleWorld(t, manyPartitions)
	const files = 4
	for range files {
		w.appendAll()
		w.checkpoint(t)
	}
	each := (heap() - before) / manyPartitions
	t.Logf("%d bytes a partition", each)
	if each >= 1024 {
		t.Errorf("%d bytes for an idle partition", each)
	}
	if got := w.disk.Count(vfs.KindCreate); got != files {
		t.Errorf("%d files for %d checkpoints of %d partitions", got, files, manyPartitions)
	}
	runtime.KeepAlive(w)
}

// BenchmarkCheckpoint writes one with a hundred thousand changed partitions.
func BenchmarkCheckpoint(b *testing.B) {
	w := newIdleWorld(b, manyPartitions)
	var bytes int64
	syncs := w.disk.Count(vfs.KindSync)
	for b.Loop() {
		b.StopTimer()
		w.appendAll()
		b.StartTimer()
		bytes += w.checkpoint(b)
	}
	n := float64(b.N)
	b.ReportMetric(float64(w.disk.Count(vfs.KindSync)-syncs)/n, "fsyncs/op")
	b.ReportMetric(float64(bytes)/n, "bytes/op")
}

// BenchmarkMerge merges eight files of a hundred thousand partitions.
func BenchmarkMerge(b *testing.B) {
	w := newIdleWorld(b, manyPartitions)
	for b.Loop() {
		b.StopTimer()
		for range indexLevelFiles {
			w.appendAll()
			w.checkpoint(b)
		}
		b.StartTimer()
		if ok, err := w.files.merge(w.table.find); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkLoad is a start: it gives the partitions state and blocks.
func BenchmarkLoad(b *testing.B) {
	w := newIdleWorld(b, manyPartitions)
	for range 4 {
		w.appendAll()
		w.checkpoint(b)
	}
	list := w.files.list()
	for b.Loop() {
		files := newIndexFiles(vfs.OS{}, w.files.dir, 0)
		if err := files.open(list); err != nil {
			b.Fatal(err)
		}
		table := newPartitionTable()
		err := files.load(func(id model.PartitionID) *PartitionLog {
			return table.findOrAdd(id, func() *PartitionLog { return newPartitionLog(id, w.log) })
		})
		if err != nil || table.count() != manyPartitions {
			b.Fatal(table.count(), err)
		}
		if err := files.close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIterate looks entries up in one partition of a million, in files of
// three sizes: where a reader goes on, and anywhere.
func BenchmarkIterate(b *testing.B) {
	const entries = 1_000_000
	w := newIdleWorld(b, 1)
	for _, n := range []int{entries * 9 / 10, entries * 9 / 100, entries / 100} {
		for range n {
			w.appendAll()
		}
		w.checkpoint(b)
	}
	p := w.table.find(1)
	for name, step := range map[string]model.Offset{"sequential": 640, "random": 7_368_787 * 10} {
		b.Run(name, func(b *testing.B) {
			at := model.Offset(0)
			b.ReportAllocs()
			for b.Loop() {
				it, err := p.iterate(at)
				if err != nil {
					b.Fatal(err)
				}
				for range 64 { // what a fetch of 1 MiB takes at 16 KiB a batch
					if _, _, _, err := it.next(); err != nil {
						b.Fatal(err)
					}
				}
				it.close()
				at = (at + step) % w.base
			}
		})
	}
}
