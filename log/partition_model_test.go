package log

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// modelBatch is a batch as the model keeps it: everything, in plain sight.
type modelBatch struct {
	base, last model.Offset
	bytes      int
	times      []int64 // of its records
	appendTime int64
	epoch      model.LeaderEpoch
}

// modelPartition does by walking over all batches what a PartitionLog does by
// its index.
type modelPartition struct {
	start, end model.Offset
	batches    []modelBatch
	epochs     []EpochStart
	lastEpoch  model.LeaderEpoch
	producers  map[model.ProducerID]ProducerState
	aborted    []AbortedTxn
}

func (m *modelPartition) clone() *modelPartition {
	c := *m
	c.batches, c.epochs, c.producers = slices.Clone(m.batches), slices.Clone(m.epochs), maps.Clone(m.producers)
	c.aborted = slices.Clone(m.aborted)
	return &c
}

func (m *modelPartition) append(b *batchesApplied, times [][]int64) {
	controls := b.Controls
	for i, h := range b.Headers {
		m.batches = append(m.batches, modelBatch{h.BaseOffset, h.LastOffset(), h.Size, times[i], b.AppendTime, b.Epoch})
		m.end = h.LastOffset() + 1
		if h.ProducerID < 0 {
			continue
		}
		s, ok := m.producers[h.ProducerID]
		if !ok {
			s = *newProducerState(h.ProducerID, h.ProducerEpoch)
		}
		if s.Epoch != h.ProducerEpoch {
			s.Epoch, s.N, s.Batches = h.ProducerEpoch, 0, [ProducerBatchesMax]ProducerBatch{}
		}
		if h.IsControl() {
			m.ended(s, &h, &controls[0], b.AppendTime)
			controls = controls[1:]
			continue
		}
		if h.IsTransactional() && s.TxnFirst < 0 {
			s.TxnFirst, s.TxnSince = h.BaseOffset, b.AppendTime
		}
		remembered := append(slices.Clone(s.Batches[:s.N]), ProducerBatch{
			h.BaseSequence, h.LastSequence(), h.LastOffset(), h.LastOffsetDelta, h.MaxTimestamp,
		})
		remembered = remembered[max(0, len(remembered)-ProducerBatchesMax):]
		s.N, s.LastTime = copy(s.Batches[:], remembered), b.AppendTime
		m.producers[h.ProducerID] = s
	}
	if n := len(m.epochs); n == 0 || m.epochs[n-1].Epoch < b.Epoch {
		m.epochs = append(m.epochs, EpochStart{b.Epoch, b.Headers[0].BaseOffset})
	}
	m.lastEpoch = max(m.lastEpoch, b.Epoch)
}

func (m *modelPartition) truncate(end model.Offset, epoch model.LeaderEpoch) {
	m.lastEpoch = max(m.lastEpoch, epoch)
	m.end, m.start = end, min(m.start, end)
	m.batches = slices.DeleteFunc(m.batches, func(b modelBatch) bool { return b.last >= end })
	m.epochs = slices.DeleteFunc(m.epochs, func(e EpochStart) bool { return e.Start >= end })
	closed := m.reopen(end)
	for id, s := range m.producers {
		had := s.N > 0 || closed[id]
		kept := slices.DeleteFunc(slices.Clone(s.Batches[:s.N]), func(b ProducerBatch) bool { return b.LastOffset >= end })
		s.Batches = [ProducerBatchesMax]ProducerBatch{}
		s.N = copy(s.Batches[:], kept)
		m.producers[id] = s
		if had && s.N == 0 && s.TxnFirst < 0 {
			delete(m.producers, id)
		}
	}
}

func (m *modelPartition) logStart(start model.Offset, epoch model.LeaderEpoch) {
	m.lastEpoch = max(m.lastEpoch, epoch)
	if start <= m.start {
		return
	}
	m.start = start
	m.aborted = slices.DeleteFunc(m.aborted, func(t AbortedTxn) bool { return t.Last < start })
	for len(m.epochs) > 1 && m.epochs[1].Start <= start {
		m.epochs = m.epochs[1:]
	}
	if len(m.epochs) > 0 {
		m.epochs = slices.Clone(m.epochs)
		m.epochs[0].Start = max(m.epochs[0].Start, start)
	}
}

// live are the batches with a record at or above start.
func (m *modelPartition) live() []modelBatch {
	return slices.DeleteFunc(slices.Clone(m.batches), func(b modelBatch) bool { return b.last < m.start })
}

func (m *modelPartition) size() (n int64) {
	for _, b := range m.live() {
		n += int64(b.bytes)
	}
	return n
}

// find returns the first record below limit that is better than all before it.
func (m *modelPartition) find(limit model.Offset, better func(ts int64, best *TimestampOffset) bool) *TimestampOffset {
	var best *TimestampOffset
	for _, b := range m.live() {
		for i, ts := range b.times {
			offset := b.base + model.Offset(i)
			if offset >= m.start && offset < limit && better(ts, best) {
				best = &TimestampOffset{offset, ts, b.epoch}
			}
		}
	}
	return best
}

func (m *modelPartition) expired(now, maxAge, maxBytes int64, limit model.Offset) model.Offset {
	start, left := m.start, m.size()
	for _, b := range m.live() {
		age := now - b.appendTime
		if top := slices.Max(b.times); top >= 0 {
			age = now - min(b.appendTime, top)
		}
		left -= int64(b.bytes)
		if b.last >= limit || (maxAge < 0 || age <= maxAge) && (maxBytes < 0 || left < maxBytes) {
			break
		}
		start = b.last + 1
	}
	return start
}

// partitionWorld is a log's partitions and index files without the log: the
// test is writer, checkpointer, and recovery.
type partitionWorld struct {
	fs       vfs.FS
	broken   bool // file operations fail
	log      *Log
	files    *indexFiles
	parts    map[model.PartitionID]*PartitionLog
	models   map[model.PartitionID]*modelPartition
	batches  map[Position][]byte
	position Position

	// The snapshot that is not written yet, and what was done since.
	pending       []*PartitionLog
	pendingNumber uint32
	pendingModels map[model.PartitionID]*modelPartition
	// The newest checkpoint.
	durable       checkpoint
	durableModels map[model.PartitionID]*modelPartition
}

var errBroken = errors.New("broken")

func newPartitionWorld(tb testing.TB) *partitionWorld {
	tb.Helper()
	w := &partitionWorld{models: map[model.PartitionID]*modelPartition{}, batches: map[Position][]byte{}}
	mem := vfs.NewMem()
	if err := mem.MkdirAll("/log"); err != nil {
		tb.Fatal(err)
	}
	w.fs = vfs.NewFault(mem, func(vfs.Op) error {
		if w.broken {
			return errBroken
		}
		return nil
	})
	w.start()
	return w
}

// start makes empty partitions over the same disk.
func (w *partitionWorld) start() {
	w.log = &Log{
		shared:   partitionShared{batches: w, producersMax: 1000},
		segments: newSegments(w.fs, "/log", 0), coldLog: newColdLog(w.fs, "/log", &Config{}), // of no segments
	}
	w.files = newIndexFiles(w.fs, "/log", 64<<10)
	w.files.levelFiles = 2
	w.parts = map[model.PartitionID]*PartitionLog{}
	w.pending, w.pendingModels = nil, nil
}

func (w *partitionWorld) readBatch(e index.Entry) ([]byte, func(), error) {
	b := w.batches[Position(e.Position)]
	if len(b) != int(e.Length) {
		return nil, nil, errors.New("entry points nowhere")
	}
	return b, func() {}, nil
}

// partition returns a partition and its model, made if they are new.
func (w *partitionWorld) partition(id model.PartitionID) (*PartitionLog, *modelPartition) {
	if w.parts[id] == nil {
		w.parts[id] = newPartitionLog(id, w.log)
	}
	if w.models[id] == nil {
		w.models[id] = &modelPartition{lastEpoch: -1, producers: map[model.ProducerID]ProducerState{}}
	}
	return w.parts[id], w.models[id]
}

func (w *partitionWorld) find(id model.PartitionID) *PartitionLog {
	p, _ := w.partition(id)
	return p
}

func (w *partitionWorld) cloneModels() map[model.PartitionID]*modelPartition {
	c := map[model.PartitionID]*modelPartition{}
	for id, m := range w.models {
		c[id] = m.clone()
	}
	return c
}

// append draws a run of batches that follow each other and applies it.
func (w *partitionWorld) append(r *rapid.T) {
	p, m := w.partition(drawPartition(r))
	applied := batchesApplied{
		Entry: w.position, Distance: 96, AppendTime: rapid.Int64Range(0, 60).Draw(r, "append time"),
		Epoch: m.lastEpoch + model.LeaderEpoch(rapid.IntRange(0, 1).Draw(r, "epoch")),
	}
	applied.Epoch = max(applied.Epoch, 0)
	var times [][]int64
	at, base := w.position+96, m.end
	for range rapid.IntRange(1, 4).Draw(r, "batches") {
		b, h, ts := drawBatch(r, base, applied.Epoch)
		w.batches[at] = b
		at += Position(len(b))
		base = h.LastOffset() + 1
		applied.Headers = append(applied.Headers, h)
		applied.Controls = append(applied.Controls, controlsOf(b, []batch.Header{h})...)
		times = append(times, ts)
	}
	w.position = (at + 7) &^ 7
	p.applyBatches(applied)
	m.append(&applied, times)
}

func drawPartition(r *rapid.T) model.PartitionID {
	return model.PartitionID(rapid.IntRange(1, 3).Draw(r, "partition"))
}

func drawBatch(r *rapid.T, base model.Offset, epoch model.LeaderEpoch) ([]byte, batch.Header, []int64) {
	if rapid.IntRange(0, 4).Draw(r, "marker") == 0 {
		return drawMarker(r, base, epoch)
	}
	b := batch.NewBuilder(rapid.SampledFrom([]batch.Codec{batch.None, batch.Snappy}).Draw(r, "codec"))
	b.BaseOffset, b.LeaderEpoch = base, epoch
	if rapid.Bool().Draw(r, "idempotent") {
		b.ProducerID = model.ProducerID(rapid.IntRange(0, 2).Draw(r, "producer"))
		b.ProducerEpoch = model.ProducerEpoch(rapid.IntRange(0, 1).Draw(r, "producer epoch"))
		b.BaseSequence = rapid.Int32Range(1<<31-3, 1<<31-1).Draw(r, "sequence")
		b.Transactional = rapid.IntRange(0, 3).Draw(r, "transactional") > 0
	}
	times := rapid.SliceOfN(rapid.Int64Range(-1, 60), 1, 4).Draw(r, "times")
	for _, ts := range times {
		b.Add(ts, nil, []byte("value"))
	}
	raw, err := b.Build(nil)
	if err != nil {
		r.Fatal(err)
	}
	h, err := batch.Parse(raw)
	if err != nil {
		r.Fatal(err)
	}
	return raw, h, times
}

func (w *partitionWorld) truncate(r *rapid.T) {
	p, m := w.partition(drawPartition(r))
	bounds := []model.Offset{m.end}
	for _, b := range m.batches {
		bounds = append(bounds, b.base)
	}
	end := rapid.SampledFrom(bounds).Draw(r, "truncate to")
	if end == m.end {
		return
	}
	p.applyTruncate(w.position, end, m.lastEpoch+1)
	m.truncate(end, m.lastEpoch+1)
	w.position += 96
}

func (w *partitionWorld) logStart(r *rapid.T) {
	p, m := w.partition(drawPartition(r))
	start := model.Offset(rapid.Int64Range(int64(m.start), int64(m.end)).Draw(r, "log start"))
	p.applyLogStart(w.position, start, m.lastEpoch)
	m.logStart(start, m.lastEpoch)
	w.position += 96
}

// restate applies a partition-state entry, which must change nothing.
func (w *partitionWorld) restate(r *rapid.T) {
	p, m := w.partition(drawPartition(r))
	if err := p.applyState(w.position, p.stateEntry(), m.lastEpoch); err != nil {
		r.Fatal(err)
	}
	w.position += 96
}

func (w *partitionWorld) snapshot(*rapid.T) {
	if w.pendingModels != nil {
		return
	}
	w.pending, w.pendingNumber = w.log.shared.dirty.snapshot()
	w.pendingModels = w.cloneModels()
}

// checkpoint writes the pending snapshot, or fails to.
func (w *partitionWorld) checkpoint(r *rapid.T) {
	if w.pendingModels == nil {
		return
	}
	w.broken = rapid.IntRange(0, 3).Draw(r, "broken") == 0
	_, err := w.files.write(w.pending, w.pendingNumber)
	w.broken = false
	switch {
	case err == nil:
		w.durable = checkpoint{Generation: w.durable.Generation + 1, Indexes: w.files.list()}
		w.durableModels = w.pendingModels
		if err := w.files.checkpointed(); err != nil {
			r.Fatal(err)
		}
	case errors.Is(err, errBroken):
		w.log.shared.dirty.restore(w.pending)
	default:
		r.Fatal(err)
	}
	w.pending, w.pendingModels = nil, nil
}

func (w *partitionWorld) merge(r *rapid.T) {
	if _, err := w.files.merge(w.find); err != nil {
		r.Fatal(err)
	}
}

// reopen forgets everything but the newest checkpoint.
func (w *partitionWorld) reopen(r *rapid.T) {
	if w.durableModels == nil {
		return
	}
	if err := w.files.close(); err != nil {
		r.Fatal(err)
	}
	w.models = w.durableModels
	w.start()
	w.models = w.cloneModels()
	if err := w.files.open(w.durable.Indexes); err != nil {
		r.Fatal(err)
	}
	if _, err := w.files.sweep(&w.durable); err != nil {
		r.Fatal(err)
	}
	if err := w.files.load(w.find); err != nil {
		r.Fatal(err)
	}
}

// check compares all that can be asked of a partition with the model.
func (w *partitionWorld) check(r *rapid.T) {
	for id := range w.models {
		p, m := w.partition(id)
		if p.Start() != m.start || p.End() != m.end || p.Bytes() != m.size() || p.lastEpoch() != m.lastEpoch {
			r.Fatalf("partition %d: [%d, %d) of %d bytes, epoch %d; want [%d, %d) of %d, %d",
				id, p.Start(), p.End(), p.Bytes(), p.lastEpoch(), m.start, m.end, m.size(), m.lastEpoch)
		}
		if got := p.Epochs(); !slices.Equal(got, m.epochs) {
			r.Fatalf("partition %d: epochs %v, want %v", id, got, m.epochs)
		}
		producers := map[model.ProducerID]ProducerState{}
		for _, s := range p.Producers() {
			producers[s.ID] = s
		}
		if diff := cmp.Diff(m.producers, producers); diff != "" {
			r.Fatalf("partition %d: producers: -want +got\n%s", id, diff)
		}
		if got := p.Aborted().list; !slices.Equal(got, m.aborted) {
			r.Fatalf("partition %d: aborted %v, want %v", id, got, m.aborted)
		}
		w.checkIndex(r, p, m)
		checkLookups(r, p, m)
	}
}

func (w *partitionWorld) checkIndex(r *rapid.T, p *PartitionLog, m *modelPartition) {
	from := model.Offset(rapid.Int64Range(int64(m.start), int64(m.end)+1).Draw(r, "from"))
	want := slices.DeleteFunc(m.live(), func(b modelBatch) bool { return b.last < from })
	it, err := p.iterate(from)
	if err != nil {
		r.Fatal(err)
	}
	defer it.close()
	stop := rapid.IntRange(0, len(want)).Draw(r, "stop") // so that hints point anywhere
	for i := range want {
		e, _, ok, err := it.next()
		if err != nil || !ok || e.BaseOffset != want[i].base || e.LastOffset() != want[i].last {
			r.Fatalf("partition %d from %d, entry %d: %+v %v %v, want %+v", p.ID(), from, i, e, ok, err, want[i])
		}
		if b, _, err := w.readBatch(e); err != nil || len(b) != want[i].bytes {
			r.Fatalf("partition %d, entry %+v: %d bytes, %v", p.ID(), e, len(b), err)
		}
		if i == stop {
			return
		}
	}
	if e, _, ok, err := it.next(); ok || err != nil {
		r.Fatalf("partition %d: one more entry %+v, %v", p.ID(), e, err)
	}
}

func checkLookups(r *rapid.T, p *PartitionLog, m *modelPartition) {
	limits := []model.Offset{m.end}
	for _, b := range m.live() {
		limits = append(limits, b.base)
	}
	limit := rapid.SampledFrom(limits).Draw(r, "limit")
	ts := rapid.Int64Range(-2, 62).Draw(r, "ts")

	got, ok, err := p.FirstAtOrAfter(ts, limit)
	want := m.find(limit, func(t int64, best *TimestampOffset) bool { return t >= ts && best == nil })
	compareFound(r, "FirstAtOrAfter", got, ok, err, want)

	got, ok, err = p.MaxTimestamp(limit)
	want = m.find(limit, func(t int64, best *TimestampOffset) bool { return best == nil || t > best.Timestamp })
	compareFound(r, "MaxTimestamp", got, ok, err, want)

	age, size := rapid.Int64Range(-1, 60).Draw(r, "age"), rapid.Int64Range(-1, m.size()+1).Draw(r, "size")
	start, err := p.ExpiredStart(60, age, size, limit)
	if wantStart := m.expired(60, age, size, limit); err != nil || start != wantStart {
		r.Fatalf("partition %d: ExpiredStart(60, %d, %d, %d) = %d, %v; want %d", p.ID(), age, size, limit, start, err, wantStart)
	}
}

func compareFound(r *rapid.T, what string, got TimestampOffset, ok bool, err error, want *TimestampOffset) {
	if err != nil || ok != (want != nil) || ok && got != *want {
		r.Fatalf("%s = %+v %v %v, want %+v", what, got, ok, err, want)
	}
}

func TestPartitionsAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newPartitionWorld(t)
		r.Repeat(map[string]func(*rapid.T){
			"append":     w.append,
			"append2":    w.append,
			"truncate":   w.truncate,
			"log start":  w.logStart,
			"restate":    w.restate,
			"snapshot":   w.snapshot,
			"checkpoint": func(r *rapid.T) { w.snapshot(r); w.checkpoint(r) },
			"write":      w.checkpoint,
			"merge":      w.merge,
			"relocate":   w.relocate,
			"compact":    w.compact,
			"reopen":     w.reopen,
			"":           w.check,
		})
	})
}
