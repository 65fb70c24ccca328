package replication

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// txnRun is one seed of the test of transactions against the model.
type txnRun struct {
	*world

	rng    *rand.Rand
	models [2]*txnModel
	held   bool // syncs
	async  bool // flush: the watermark awaits the disk for markers only
	// ids are drawn from here on. What a day makes a partition forget is not asked
	// for again: it may be back after a crash, and then count no more.
	ids     model.ProducerID
	cleaner *cleaner
	count   *txnCount
	trace   []string
}

// txnCount is what a test of many seeds has gone through.
type txnCount struct {
	sent, refused, duplicates, markers, aborts, failed, crashes, cuts, rebuilds, compactions, deletions, expired, lost, reclaimed int
}

// TestTransactionsAgainstModel: random batches, markers, failures, compactions
// and crashes. The last stable offset, open and aborted transactions, producers
// and what readers get are those of a list.
//
//	TXN_SEEDS=5000 go test ./replication -run TestTransactionsAgainstModel -v
func TestTransactionsAgainstModel(t *testing.T) {
	from, seeds := uint64(0), uint64(400)
	if testing.Short() {
		seeds = 40
	}
	if n, err := strconv.ParseUint(os.Getenv("TXN_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("TXN_FROM"), 10, 64); err == nil {
		from = n
	}
	var count txnCount
	for seed := from; seed < from+seeds && !t.Failed(); seed++ {
		inWorld(t, func(w *world) {
			r := &txnRun{world: w, rng: rand.New(rand.NewPCG(seed, 3)), count: &count}
			r.begin()
			for step := range 70 {
				r.step()
				if what := r.check(); what != "" {
					for _, line := range r.trace {
						t.Log(line)
					}
					t.Fatalf("seed %d, step %d: %s", seed, step, what)
				}
			}
		})
	}
	t.Logf("%+v", count)
	if c := &count; seeds >= 40 && (c.lost == 0 || c.failed == 0 || c.refused == 0 || c.duplicates == 0 || c.rebuilds == 0 ||
		c.compactions == 0 || c.aborts == 0 || c.deletions == 0 || c.expired == 0 || c.reclaimed == 0) {
		t.Error("it no longer does what it is for")
	}
}

func (r *txnRun) begin() {
	for i := range r.models {
		r.models[i] = &txnModel{guards: map[model.ProducerID]modelGuard{}, waiting: -1}
	}
	r.settings = compacting()
	r.settings.Delete, r.settings.RetentionMs, r.settings.RetentionBytes = true, -1, -1
	r.settings.TimestampAfterMs = 1 << 50
	r.settings.Compaction.DeleteRetentionMs = 1000 * r.rng.Int64N(3)
	r.settings.LogAppendTime = r.rng.IntN(4) == 0
	if r.async = r.rng.IntN(4) == 0; r.async {
		r.settings.Sync, r.settings.FlushMessages = false, 1<<40
	}
	r.cfg = log.Config{SegmentBytes: 8 << 10, CheckpointBytes: 2 << 10, AsyncFlushInterval: time.Hour, RelocateBelow: 0.9, RelocateRate: -1}
	r.crash(nil)
	r.cleaner = r.compactor(roomy())
}

func (r *txnRun) tracef(format string, args ...any) {
	r.trace = append(r.trace, fmt.Sprintf(format, args...))
}

// step does one thing.
func (r *txnRun) step() {
	i := r.rng.IntN(2)
	m, p := r.models[i], r.part(int32(i))
	switch op := r.rng.IntN(40); {
	case op < 19:
		r.sendSome(i, m, p)
	case op < 27:
		r.endSome()
	case op < 29:
		r.held = !r.held
		r.tracef("syncs held: %v", r.held)
		if r.held {
			r.holdSyncs()
		} else {
			r.release()
		}
	case op < 30 && !r.held:
		r.failSome(i, m, p)
	case op < 32 && !r.held && m.hw > 0:
		to := model.Offset(r.rng.Int64N(int64(m.hw) + 1))
		r.tracef("p%d: delete below %d", i, to)
		r.deleteRecords(p, to, func(model.Offset, *protocol.Error) {})
		m.start = max(m.start, to)
		r.count.deletions++
	case op < 34 && !r.held:
		r.compact()
	case op < 35 && !r.held:
		r.reclaim()
	case op < 36:
		r.clock.Advance(time.Duration(r.rng.IntN(3000)) * time.Millisecond)
	case op < 37 && r.rng.IntN(4) == 0 && !r.held:
		r.clock.Advance(25 * time.Hour)
		r.partitions.Retain(func(_ *Partition, err error) { r.t.Error(err) })
		for _, m := range r.models {
			clear(m.guards)
		}
		r.tracef("a day later")
		r.ids += 5
		r.count.expired++
	case op >= 37:
		r.die()
	}
	r.settle()
	r.advance()
}

// advance takes over how far the watermarks have come, if that can be.
func (r *txnRun) advance() {
	for i, m := range r.models {
		least, most := m.hw, m.hw
		switch {
		case !r.held:
			least, most = m.end(), m.end()
		case r.async && m.waiting >= 0:
			most = m.waiting
		case r.async:
			most = m.end() // or less: the log's writer may have come to wait for a sync
		}
		hw := r.part(int32(i)).Offsets().HighWatermark
		if hw < least || hw > most {
			r.t.Fatalf("%v\np%d: the watermark is %d, want %d to %d", r.trace, i, hw, least, most)
		}
		m.hw = hw
	}
}

func (r *txnRun) release() {
	r.held = false
	r.letSyncs()
	r.settle()
	for _, m := range r.models {
		m.waiting = -1
	}
}

// drawItem is a batch that most often comes next.
func (r *txnRun) drawItem(m *txnModel) txnItem {
	x := txnItem{id: r.ids + model.ProducerID(r.rng.IntN(5)), at: r.clock.Now().UnixMilli(), txn: r.rng.IntN(8) > 0}
	p := m.producer(x.id)
	x.epoch, x.sequence = p.epoch, p.last+1
	switch r.rng.IntN(12) {
	case 0:
		x.epoch, x.sequence = x.epoch+1, 0
	case 1:
		x.epoch = max(0, x.epoch-1)
	case 2:
		x.sequence = max(0, x.sequence-1-int32(r.rng.IntN(6)))
	case 3:
		x.sequence++
	}
	return x
}

// payload is the bytes of an item; its key is of its own, so that compaction
// takes nothing but what was aborted.
func (r *txnRun) payload(x *txnItem, key string) []byte {
	b := builder()
	if x.id >= 0 {
		b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.Transactional = x.id, x.epoch, x.sequence, x.txn
	}
	b.Add(x.at, []byte(key), bytes.Repeat([]byte("v"), r.rng.IntN(400)))
	built, err := b.Build(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return built
}

// sendSome sends a batch, and checks the answer against the model's.
func (r *txnRun) sendSome(i int, m *txnModel, p *Partition) {
	x := r.drawItem(m)
	verified := x.txn && r.rng.IntN(8) > 0
	if r.rng.IntN(6) == 0 {
		x, verified = txnItem{id: -1, at: x.at}, false
	}
	var g Guard
	if verified {
		m.ask(x)
		g, _ = p.Verify(Verification{Producer: x.id, Epoch: x.epoch, Sequence: x.sequence})
	}
	code, at := protocol.NoError, m.end()
	if x.id >= 0 {
		code, at = m.judge(x, verified)
	}
	var a answers
	p.Append(AppendRequest{Batch: r.payload(&x, fmt.Sprint(at, "-", len(r.trace))), Guard: g}, a.add)
	r.settle()
	r.tracef("p%d: %+v, verified %v: %v at %d", i, x, verified, code, at)
	list := a.all()
	switch {
	case code == protocol.NoError && at == m.end():
		m.add(x)
		r.advance()
		r.count.sent++
	case code == protocol.NoError:
		r.count.duplicates++
	default:
		r.count.refused++
	}
	awaited := code == protocol.NoError && at >= m.hw
	switch {
	case awaited && len(list) == 0:
	case awaited || len(list) != 1:
		r.t.Errorf("%d answers, syncs held: %v: %+v", len(list), r.held, list)
	case code == protocol.NoError && (list[0].Err != nil || list[0].BaseOffset != at):
		r.t.Errorf("answered %+v, want offset %d", list[0], at)
	case code != protocol.NoError && (list[0].Err == nil || list[0].Err.Code != code):
		r.t.Errorf("answered %+v, want %v", list[0], code)
	}
	if r.t.Failed() {
		r.t.Fatal(r.trace)
	}
}

// endSome writes markers to one partition or both, and checks what is told.
func (r *txnRun) endSome() {
	id, commit, bumped := model.ProducerID(r.rng.Int64N(int64(r.ids)+5)), r.rng.IntN(2) == 0, r.rng.IntN(2) == 0
	by := int32(r.rng.IntN(3))
	var ms []Marker
	var want []protocol.ErrorCode
	var at []model.Offset
	for _, i := range r.rng.Perm(2)[:1+r.rng.IntN(2)] {
		m := r.models[i]
		if id < r.ids && m.open(id) == nil {
			continue
		}
		p := m.producer(id)
		x := txnItem{id: id, epoch: p.epoch, at: r.clock.Now().UnixMilli(), marker: true, commit: commit, by: by}
		if bumped {
			x.epoch++
		}
		if r.rng.IntN(8) == 0 {
			x.epoch = max(0, x.epoch-1)
		}
		x.by = max(by, p.by-int32(r.rng.IntN(8)/7))
		code := m.judgeMarker(x, bumped)
		ms = append(ms, Marker{
			Partition: r.part(int32(i)), Producer: id, Epoch: x.epoch, Commit: commit, CoordinatorEpoch: x.by, BumpedEpoch: bumped,
		})
		want, at = append(want, code), append(at, m.end())
		r.tracef("p%d: %+v, bumped %v: %v at %d", i, x, bumped, code, m.end())
		if code != protocol.NoError {
			continue
		}
		if !commit && m.open(id) != nil {
			r.count.aborts++
		}
		if r.held && m.waiting < 0 {
			m.waiting = m.end()
		}
		m.add(x)
		r.count.markers++
	}
	var e ends
	r.partitions.AppendMarkers(ms, e.add)
	r.settle()
	if r.held && slices.Contains(want, protocol.NoError) {
		if len(e.told) > 0 {
			r.t.Fatalf("told before it is durable: %+v", e.told)
		}
		return
	}
	if len(e.told) != len(want) {
		r.t.Fatalf("%d results, want %d", len(e.told), len(want))
	}
	for k, res := range e.told {
		if (res.Err == nil) != (want[k] == protocol.NoError) || res.Err != nil && res.Err.Code != want[k] || res.Err == nil && res.Offset != at[k] {
			r.t.Fatalf("%v\ntold %+v, want %v at %d", r.trace, res, want[k], at[k])
		}
	}
}

// failSome has a batch and a marker fail: the model knows nothing of them.
func (r *txnRun) failSome(i int, m *txnModel, p *Partition) {
	r.failKind(vfs.KindWrite, vfs.ErrNoSpace)
	defer r.fail(nil)
	for range 1 + r.rng.IntN(3) {
		x := r.drawItem(m)
		var a answers
		var e ends
		if r.rng.IntN(3) == 0 {
			r.partitions.AppendMarkers([]Marker{{Partition: p, Producer: x.id, Epoch: x.epoch, CoordinatorEpoch: 9}}, e.add)
		} else {
			x.txn = true
			g, _ := p.Verify(Verification{Producer: x.id, Epoch: x.epoch, Sequence: x.sequence})
			p.Append(AppendRequest{Batch: r.payload(&x, "fails"), Guard: g}, a.add)
		}
		r.tracef("p%d: %+v, on a full disk", i, x)
	}
	r.settle()
	p.mu.Lock()
	p.txnsLocked().guards = nil // which of them are left depends on how far the log had come
	p.mu.Unlock()
	clear(m.guards)
	r.count.failed++
}

func (r *txnRun) compact() {
	r.cleaner.told = nil
	r.cleaner.Round()
	for _, c := range r.cleaner.told {
		if c.Err != nil {
			r.t.Fatalf("compaction: %v", c.Err)
		}
		m := r.models[c.Partition]
		m.cleaned = max(m.cleaned, c.To)
		r.tracef("p%d: compacted below %d", c.Partition, c.To)
		r.count.compactions++
	}
}

func (r *txnRun) reclaim() {
	r.tracef("relocate and reclaim")
	if _, _, err := r.log.Relocate(); err != nil {
		r.t.Fatal(err)
	}
	n, _, err := r.log.Reclaim()
	if err != nil {
		r.t.Fatal(err)
	}
	r.count.reclaimed += n
}

// die ends the process or cuts the power; perhaps the indexes are lost as well.
func (r *txnRun) die() {
	var source *rand.Rand
	if r.rng.IntN(2) == 0 {
		source = r.rng
		r.count.cuts++
	}
	r.lostIndexes = r.rng.IntN(3) == 0
	if r.lostIndexes {
		r.count.rebuilds++
	}
	r.crash(source)
	r.release()
	r.count.crashes++
	r.tracef("crash, power cut %v, indexes lost %v", source != nil, r.lostIndexes)
	for i, m := range r.models {
		end := r.part(int32(i)).Offsets().End
		if lossy := r.async && source != nil; end < m.hw && !lossy || end > m.end() {
			r.t.Fatalf("p%d ends at %d, was told up to %d of %d", i, end, m.hw, m.end())
		}
		r.count.lost += len(m.items) - int(end)
		m.items = m.items[:end]
		m.hw = end
		clear(m.guards)
	}
	r.cleaner = r.compactor(roomy())
}

// check compares both partitions with their models.
func (r *txnRun) check() string {
	if what := r.checkVisited(); what != "" {
		return what
	}
	for i, m := range r.models {
		p := r.part(int32(i))
		if what := m.differs(p, r.clock.Now().UnixMilli(), r.held); what != "" {
			return fmt.Sprintf("p%d: %s", i, what)
		}
		from := m.start + model.Offset(r.rng.Int64N(int64(m.hw-m.start)+1))
		for _, committed := range []bool{false, true} {
			got, res := r.consume(p, from, committed)
			if want := m.readable(from, committed); !slices.Equal(got, want) {
				return fmt.Sprintf("p%d from %d, committed %v: got %v, want %v; named %v", i, from, committed, got, want, res.Aborted)
			}
			if want := m.named(from, m.stable()); committed && from < m.stable() && m.cleaned == 0 && !slices.Equal(res.Aborted, want) {
				return fmt.Sprintf("p%d from %d: named %v, want %v", i, from, res.Aborted, want)
			}
		}
	}
	return ""
}

// checkVisited: the partitions that are looked at, and said to have something open,
// are those that have, and the stable offset waits for the one that is said to hold it.
func (r *txnRun) checkVisited() (what string) {
	for _, p := range r.partitions.env.open.all() {
		if len(p.mu.txns.list) == 0 {
			return fmt.Sprintf("p%d is looked at for nothing", p.Index())
		}
	}
	visited := map[int32]bool{}
	r.partitions.EachOpenTxn(func(p *Partition, open []OpenTxn) {
		at := p.Offsets()
		if visited[p.Index()] || len(open) == 0 {
			what = fmt.Sprintf("p%d is visited with %v", p.Index(), open)
		}
		visited[p.Index()] = true
		for i, x := range open {
			if x.Holds && (i > 0 || at.LastStable != min(at.HighWatermark, max(x.First, at.LogStart))) {
				what = fmt.Sprintf("p%d: %v, stable up to %d", p.Index(), open, at.LastStable)
			}
		}
	})
	for i, m := range r.models {
		open := slices.ContainsFunc(m.spans(m.end()), func(s txnSpan) bool { return s.last < 0 })
		if open != visited[int32(i)] {
			what = fmt.Sprintf("p%d: visited %v, open %v", i, visited[int32(i)], open)
		}
	}
	return what
}

// consume reads all from an offset on as a client does: read committed it leaves
// out what a producer wrote from where it is named on, up to its abort marker.
func (r *txnRun) consume(p *Partition, from model.Offset, committed bool) (got []model.Offset, res ReadResult) {
	var out span.List
	defer out.Release()
	res = p.Read(ReadRequest{From: from, MaxBytes: 1 << 20, MinOne: true, ReadCommitted: committed, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out)
	var buf bytes.Buffer
	if _, err := out.WriteTo(&buf); err != nil || res.Err != nil {
		r.t.Fatal(r.trace, err, res.Err)
	}
	named, skipped := res.Aborted, map[model.ProducerID]bool{}
	for b, err := range batch.Split(buf.Bytes()) {
		if err != nil {
			r.t.Fatal(err)
		}
		for len(named) > 0 && named[0].First <= b.LastOffset() {
			skipped[named[0].Producer], named = true, named[1:]
		}
		if b.IsControl() {
			if m, ok, err := batch.ReadMarker(b.Bytes, &b.Header); err != nil || !ok {
				r.t.Fatal(ok, err)
			} else if !m.Commit {
				delete(skipped, m.Producer)
			}
			continue
		}
		if b.LastOffset() >= from && (!b.IsTransactional() || !skipped[b.ProducerID]) {
			got = append(got, b.BaseOffset)
		}
	}
	return got, res
}
