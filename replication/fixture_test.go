package replication

import (
	"bytes"
	"math"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// begin is when every test's clock starts, ms.
const begin = 1_700_000_000_000

// world is a broker's partitions over a log, on a disk whose syncs a test can
// hold back. It lives in a synctest bubble, so that settle can wait until the
// log's goroutines have done all they can.
type world struct {
	t        *testing.T
	disk     *vfs.Mem
	clock    *clock.Manual
	settings cluster.TopicSettings
	cfg      log.Config
	// lostIndexes has every start make the indexes anew.
	lostIndexes bool
	journal     *cluster.Journal
	log         *log.Log
	partitions  *Partitions

	mu   sync.Mutex
	held chan struct{} // syncs of segments wait for it; nil: they do not
	hook vfs.Hook      // may fail operations of the log; nil: none fails
}

// inWorld runs a test with one topic "t" of two partitions.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, disk: vfs.NewMem(), clock: clock.NewManual(time.UnixMilli(begin)), settings: syncFlush()}
		w.cfg = log.Config{SegmentBytes: 1 << 20, AsyncFlushInterval: time.Hour}
		w.open()
		defer func() { w.close() }() // also after Fatal: the bubble must not be left with goroutines
		if r := w.journal.CreateTopics([]cluster.TopicSpec{{Name: "t", Partitions: 2}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		test(w)
	})
}

// syncFlush are a topic's default settings.
func syncFlush() cluster.TopicSettings {
	return cluster.TopicSettings{
		Sync: true, FlushMessages: 1, FlushMs: math.MaxInt64, MaxMessageBytes: 1 << 20,
		TimestampBeforeMs: math.MaxInt64, TimestampAfterMs: 3_600_000,
		Delete: true, RetentionMs: -1, RetentionBytes: -1,
	}
}

func asyncFlush() cluster.TopicSettings {
	s := syncFlush()
	s.Sync, s.FlushMessages = false, math.MaxInt64
	return s
}

func (w *world) open() {
	w.t.Helper()
	for _, dir := range []string{"data", "data/log"} {
		if err := w.disk.MkdirAll(dir); err != nil {
			w.t.Fatal(err)
		}
	}
	var err error
	if w.journal, err = cluster.Open(w.disk, "data", cluster.Options{NodeID: 1}); err != nil {
		w.t.Fatal(err)
	}
	w.log, _, err = log.Open(w.cfg, log.Env{
		FS: vfs.NewFault(w.disk, w.beforeOp), Dir: "data/log", Clock: w.clock,
		Standing: func(id model.PartitionID) log.Standing { return log.Standing(w.journal.Standing(id)) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.journal.SetUncleanStarts(w.log.UncleanStarts())
	w.partitions = NewPartitions(Env{
		Log: w.log, Clock: w.clock, Node: 1, Image: w.journal.Image,
		Settings:             func(*cluster.Topic) *cluster.TopicSettings { return &w.settings },
		ProducerExpirationMs: func() int64 { return 24 * 3_600_000 },
	})
	w.journal.Subscribe(w.partitions.Changed)
}

// beforeOp is the hook of the log's disk.
func (w *world) beforeOp(op vfs.Op) error {
	w.mu.Lock()
	held, hook := w.held, w.hook
	w.mu.Unlock()
	// A segment's file goes by the name that it was opened or made under.
	segment := strings.HasSuffix(op.Name, ".segment") || strings.HasPrefix(path.Base(op.Name), "next-")
	if held != nil && op.Kind == vfs.KindSync && segment {
		<-held
	}
	if hook == nil {
		return nil
	}
	return hook(op)
}

// fail sets what goes wrong on the log's disk from now on; nil ends it.
func (w *world) fail(hook vfs.Hook) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = hook
}

// failKind has every operation of a kind on segments fail.
func (w *world) failKind(k vfs.Kind, err error) {
	w.fail(func(op vfs.Op) error {
		if op.Kind == k {
			return err
		}
		return nil
	})
}

// deleteRecords deletes records of one partition; done hears of it.
func (w *world) deleteRecords(p *Partition, before model.Offset, done func(model.Offset, *protocol.Error)) {
	w.partitions.DeleteRecords(w.t.Context(), []RecordDeletion{{Partition: p, Before: before, Done: done}})
}

// holdSyncs makes the disk so slow that no sync ends before letSyncs.
func (w *world) holdSyncs() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = make(chan struct{})
}

func (w *world) letSyncs() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		close(w.held)
		w.held = nil
	}
}

// settle waits until nothing moves any more but by the test.
func (w *world) settle() { synctest.Wait() }

func (w *world) close() {
	w.letSyncs()
	if err := w.log.Close(); err != nil && w.journal != nil {
		w.t.Logf("close: %v", err)
	}
	if err := w.journal.Close(); err != nil {
		w.t.Logf("close: %v", err)
	}
}

// crash ends the process, or cuts the power if given a source, and starts again.
func (w *world) crash(powerCut *rand.Rand) {
	w.t.Helper()
	if powerCut != nil {
		w.disk = w.disk.PowerCut(powerCut)
	} else {
		w.disk = w.disk.Kill()
	}
	w.close() // of what is dead: it ends the goroutines
	w.fail(nil)
	if w.lostIndexes {
		w.removeIndexes()
	}
	w.open()
}

// removeIndexes has the next start make them anew.
func (w *world) removeIndexes() {
	w.t.Helper()
	names, err := w.disk.List("data/log")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".index") {
			if err := w.disk.Remove("data/log/" + name); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// part finds a partition of the topic.
func (w *world) part(index int32) *Partition {
	w.t.Helper()
	p, err := w.partitions.Find("t", index)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// answers gathers what appends were told, in the order in which it came.
type answers struct {
	mu   sync.Mutex
	list []AppendResult
}

func (a *answers) add(r AppendResult) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, r)
}

func (a *answers) all() []AppendResult {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]AppendResult(nil), a.list...)
}

// want fails unless exactly these base offsets were answered; -1 is an error.
func (a *answers) want(t *testing.T, when string, bases ...model.Offset) {
	t.Helper()
	list := a.all()
	if len(list) != len(bases) {
		t.Fatalf("%s: %d answers %+v, want %d", when, len(list), list, len(bases))
	}
	for i, r := range list {
		if r.BaseOffset != bases[i] || (r.Err == nil) != (bases[i] >= 0) {
			t.Fatalf("%s: answer %d is base %d, error %v; want base %d", when, i, r.BaseOffset, r.Err, bases[i])
		}
	}
}

func (a *answers) wantCode(t *testing.T, when string, code protocol.ErrorCode) {
	t.Helper()
	list := a.all()
	if len(list) == 0 || list[len(list)-1].Err == nil || list[len(list)-1].Err.Code != code {
		t.Fatalf("%s: answers %+v, want %v last", when, list, code)
	}
}

// builder makes a batch without a producer.
func builder() *batch.Builder { return batch.NewBuilder(batch.None) }

// idempotent makes a batch of producer 7.
func idempotent(epoch model.ProducerEpoch, sequence int32) *batch.Builder {
	b := builder()
	b.ProducerID, b.ProducerEpoch, b.BaseSequence = 7, epoch, sequence
	return b
}

// records adds n records of the clock's time.
func (w *world) records(b *batch.Builder, n int) []byte {
	w.t.Helper()
	for i := range n {
		b.Add(w.clock.Now().UnixMilli(), []byte{byte(i)}, []byte("value"))
	}
	built, err := b.Build(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return built
}

// append sends a batch; the answer goes to a.
func (w *world) append(p *Partition, b []byte, a *answers) {
	p.Append(AppendRequest{Batch: b}, a.add)
}

// mustAppend sends n records and waits for the answer.
func (w *world) mustAppend(p *Partition, n int) {
	w.t.Helper()
	var a answers
	w.append(p, w.records(builder(), n), &a)
	w.settle()
	if list := a.all(); len(list) != 1 || list[0].Err != nil {
		w.t.Fatalf("append: %+v", list)
	}
}

// readable returns the offsets of all batches that can be fetched from an
// offset on.
func (w *world) readable(p *Partition, from model.Offset) []model.Offset {
	w.t.Helper()
	var out span.List
	defer out.Release()
	res := p.Read(ReadRequest{From: from, MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out)
	if res.Err != nil {
		w.t.Fatalf("read from %d: %v", from, res.Err)
	}
	return bases(w.t, &out)
}

// bases are the base offsets of batches that were read.
func bases(t *testing.T, out *span.List) (list []model.Offset) {
	t.Helper()
	var buf bytes.Buffer
	if _, err := out.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	for b, err := range batch.Split(buf.Bytes()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b.BaseOffset)
	}
	return list
}

func wantOffsets(t *testing.T, what string, p *Partition, start, hw, end model.Offset) {
	t.Helper()
	o := p.Offsets()
	if o.LogStart != start || o.HighWatermark != hw || o.End != end {
		t.Fatalf("%s: start %d, watermark %d, end %d; want %d, %d, %d", what, o.LogStart, o.HighWatermark, o.End, start, hw, end)
	}
}
