package log

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// counted is a disk of its own kind in a fixture: it counts what is done.
func (f *fixture) counted() *vfs.Fault {
	f.t.Helper()
	d, ok := f.disk.fs.(*vfs.Fault)
	if !ok {
		f.t.Fatal("the disk does not count")
	}
	return d
}

// newManyFixture is a log on a disk that counts, and for which no time passes:
// nothing happens by itself.
func newManyFixture(t *testing.T, cfg Config) *fixture {
	t.Helper()
	d := newMemDisk(t)
	d.fs = vfs.NewFault(d.fs, nil)
	d.clock = clock.NewManual(time.UnixMilli(1_700_000_000_000))
	d.standing = make(map[model.PartitionID]Standing)
	return openFixture(t, cfg, d)
}

// appendEach appends one batch of three records to each of the partitions 1 to n.
func (f *fixture) appendEach(n int) {
	f.t.Helper()
	payload, h := makeBatch(f.t, 0, 3, 60)
	w := &window{free: make(chan struct{}, 4096), tb: f.t}
	for id := model.PartitionID(1); int(id) <= n; id++ {
		w.free <- struct{}{}
		w.done.Add(1)
		h.BaseOffset = f.ends[id]
		f.log.Enqueue(newAppend(f.log.Partition(id), payload, h, 0, w))
		f.ends[id] += 3
	}
	w.done.Wait()
}

// trimEach lets go of all records of the partitions 1 to n.
func (f *fixture) trimEach(n int) {
	f.t.Helper()
	w := &window{free: make(chan struct{}, 4096), tb: f.t}
	for id := model.PartitionID(1); int(id) <= n; id++ {
		w.free <- struct{}{}
		w.done.Add(1)
		f.log.Enqueue(&Append{Partition: f.log.Partition(id), Kind: KindLogStart, Epoch: 2, BaseOffset: f.ends[id], Sync: true, Done: w})
	}
	w.done.Wait()
}

// ids are the partitions 1 to n, and from now on what the metadata says of them.
func (f *fixture) ids(n int, standing Standing) []model.PartitionID {
	all := make([]model.PartitionID, n)
	for i := range all {
		all[i] = model.PartitionID(i + 1)
		f.disk.standing[all[i]] = standing
	}
	return all
}

func (f *fixture) checkEnds(n int) {
	f.t.Helper()
	if got := f.log.partitions.count(); got != n {
		f.t.Fatalf("%d partitions, want %d", got, n)
	}
	for id, end := range f.ends {
		if p := f.log.Partition(id); p.End() != end || p.DurableEnd() != end {
			f.t.Fatalf("partition %d ends at %d, durably at %d, want %d", id, p.End(), p.DurableEnd(), end)
		}
	}
}

// A hundred thousand partitions with a batch each: no goroutine, no file and
// no descriptor for a partition, in life and at the start; and when they are
// dropped everything comes back.
func TestManyPartitions(t *testing.T) {
	n := manyPartitions
	if testing.Short() {
		n /= 10
	}
	goroutines := runtime.NumGoroutine()
	f := newManyFixture(t, Config{SegmentBytes: 8 << 20, CheckpointBytes: 16 << 20})
	f.appendEach(n)
	f.checkpoint()
	f.checkEnds(n)
	const few = 20
	if got := runtime.NumGoroutine() - goroutines; got > few {
		t.Errorf("%d goroutines for %d partitions", got, n)
	}
	created := f.counted().Count(vfs.KindCreate)
	if created > few {
		t.Errorf("%d files made for %d partitions", created, n)
	}
	before := f.counted().Count(vfs.KindOpen)
	f.restart()
	f.checkEnds(n)
	f.appendEach(n / 2)
	f.restart()
	f.checkEnds(n)
	if got := f.counted().Count(vfs.KindOpen) - before; got > 10*few {
		t.Errorf("%d files opened by two starts with %d partitions", got, n)
	}
	f.log.Drop(f.ids(n, Dropped)...)
	if _, _, err := f.log.Reclaim(); err != nil {
		t.Fatal(err)
	}
	clear(f.ends)
	f.checkEnds(0)
	if graves, _ := f.remembered(); graves != 0 {
		t.Errorf("%d of %d dropped partitions are remembered", graves, n)
	}
	if got := len(f.log.segments.all()); got != 1 {
		t.Errorf("%d segments are left when all partitions are dropped", got)
	}
	f.close()
}

// Restating many partitions, and dropping them, does not keep the writer from
// what is appended meanwhile, and is not all in memory at once.
func TestManyPartitionsInPieces(t *testing.T) {
	t.Parallel()
	const n = 5 * restateMax
	f := newManyFixture(t, Config{SegmentBytes: 1 << 20, CheckpointBytes: 64 << 20})
	f.appendEach(n)
	f.appendEach(n)
	f.trimEach(n)
	f.append(400_000, n+1) // a segment of its own, which stays
	f.append(400_000, n+1)
	f.append(400_000, n+1)
	groups := f.log.Stats().Groups
	segments, _, err := f.log.Reclaim()
	if err != nil || segments == 0 {
		t.Fatalf("%d segments reclaimed: %v", segments, err)
	}
	if got := f.log.Stats().Groups - groups; got < n/restateMax {
		t.Errorf("%d partitions were restated in %d writes, want at least %d", n, got, n/restateMax)
	}
	f.restart()
	f.checkEnds(n + 1)

	// What is appended while tasks wait comes behind one of them, not all.
	var order []string
	late := &orderly{order: &order, done: make(chan struct{})}
	b, h := makeBatch(t, f.ends[n+1], 3, 100)
	a := newAppend(f.log.Partition(n+1), b, h, 0, late)
	release := f.holdWriter()
	f.log.queue.run(func() {
		order = append(order, "task")
		f.log.Enqueue(a)
	})
	f.log.queue.run(func() { order = append(order, "task") })
	release()
	<-late.done
	if err := f.log.keeper.inWriter(func() {}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"task", "append", "task"}; !slices.Equal(order, want) {
		t.Errorf("the writer did %v, want %v", order, want)
	}
	f.close()
}

// orderly notes when it was written.
type orderly struct {
	order *[]string
	done  chan struct{}
}

func (o *orderly) Written(*Append)       { *o.order = append(*o.order, "append") }
func (o *orderly) Durable(*Append)       { close(o.done) }
func (o *orderly) Failed(*Append, error) { close(o.done) }

// BenchmarkDropAppended drops a hundred thousand partitions that no index file
// has heard of; the checkpoint behind it counts what died.
func BenchmarkDropAppended(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := newIdleWorld(b, manyPartitions)
		l := &liveness{segmentsOf: func(logID) *segments { return newSegments(nil, "", 0) }}
		w.log.liveness, w.log.indexes, w.log.partitions = l, w.files, w.table
		k := newKeeper(w.log)
		w.appendAll()
		all := w.table.all()
		b.StartTimer()
		for _, p := range all {
			w.table.bury(p.id)
			l.entomb(p)
		}
		s := &snapshot{dead: l.take()}
		s.partitions, s.number = w.log.shared.dirty.snapshot()
		if err := k.bury(s); err != nil || len(s.partitions) > 0 {
			b.Fatal(len(s.partitions), err)
		}
	}
}
