package log

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// crashClient writes to one partition, as its leader would have it: it knows
// the next offset, the generation it was built on, and one idempotent
// producer's next sequence.
type crashClient struct {
	id       model.PartitionID
	sync     bool
	class    RetentionClass
	bump     model.LeaderEpoch // elections so far, as the metadata counts them
	next     model.Offset
	gen      uint32
	producer model.ProducerID
	epoch    model.ProducerEpoch
	sequence int32
	txns     crashTxns      // crash_txns_test.go
	flying   []*crashAppend // in order

	mu     sync.Mutex
	broken error // an append failed: all has to be asked for again
}

// newProducer has the client write as a producer that nobody knows.
func (c *crashClient) newProducer(r *crashRun) {
	c.txns.leave(c)
	r.producers++
	c.producer, c.epoch, c.sequence = r.producers, 0, 0
}

func (c *crashClient) breakOff(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

func (c *crashClient) takeBroken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.broken
	c.broken = nil
	return was
}

// crashLife is one life of a log, driven by one goroutine.
type crashLife struct {
	run   *crashRun
	rng   *rand.Rand
	log   *Log
	clock *clock.Manual
	gate  *crashGate
	plan  *crashPlan
	// checked says that what it recovered was held against the history.
	checked bool
	latched atomic.Bool
}

// fatal is Env.Fatal.
func (l *crashLife) fatal(err error) {
	if l.plan.worn && !errors.Is(err, vfs.ErrDead) {
		l.run.history.complain("no sync has failed, and the log stops: %v", err)
	}
	if l.latched.Swap(true) {
		l.run.history.complain("Fatal was called twice")
	}
	l.run.count.latched.Add(1)
}

// over reports whether there is nothing left to do: the disk is dead, or the
// log has latched.
func (l *crashLife) over() bool {
	_, dead, _ := l.plan.state()
	return dead || l.latched.Load()
}

// step does one thing that a broker might do.
func (l *crashLife) step() error {
	r := l.rng
	clients := l.run.clients
	c := clients[r.IntN(len(clients))]
	if l.run.asks && r.IntN(12) == 0 && l.plan.asked != nil {
		l.plan.asked()
		return l.ask(c)
	}
	switch x := r.IntN(100); {
	case x < 50:
		return l.append(c)
	case x < 60:
		l.await(c, r.IntN(3))
	case x < 68:
		l.gate.set(r.IntN(3) > 0)
	case x < 74:
		l.clock.Advance([]time.Duration{20, 60, 300, 1100, 11_000}[r.IntN(5)] * time.Millisecond)
	case x < 80:
		return l.read(c)
	case x < 84:
		l.truncate(c)
	case x < 90:
		l.logStart(c)
	case x < 92:
		l.reclaim()
	case x < 93:
		l.relocate()
	case x < 95:
		l.compact(c)
	case x < 96:
		l.syncAll()
	case x < 97:
		if r.IntN(3) == 0 {
			l.drop(c)
		}
	case x < 99:
		l.consume(c)
	default:
		l.awaitAll()
	}
	return nil
}

// renew has a client ask the log where it stands, if an append has failed.
func (l *crashLife) renew(c *crashClient) {
	if c.takeBroken() == nil {
		return
	}
	l.await(c, 0)
	_ = c.takeBroken()
	l.meet(c)
	c.newProducer(l.run) // one whose batch failed may not go on with its sequence
}

// meet reads where a partition stands.
func (l *crashLife) meet(c *crashClient) {
	p := l.log.Partition(c.id)
	c.next, c.gen = p.End(), p.Generation()
	p.SetRetentionClass(c.class)
}

// leaderEpoch is the metadata's epoch and the unclean starts.
func (l *crashLife) leaderEpoch(c *crashClient) model.LeaderEpoch {
	return c.bump + model.LeaderEpoch(l.log.UncleanStarts())
}

// append enqueues one to three batches.
func (l *crashLife) append(c *crashClient) error {
	r := l.rng
	l.renew(c)
	if len(c.flying) > 20 {
		l.await(c, 5)
	}
	a := l.newAppend(c, KindBatches, c.next)
	for range 1 + r.IntN(12)/10*2 {
		b, err := l.next(c)
		if err != nil {
			return err
		}
		h, err := batch.Parse(b)
		if err != nil {
			return err
		}
		a.op.batches = append(a.op.batches, crashBatch{header: h, bytes: b})
		a.unit.Payload = append(a.unit.Payload, b...)
		a.unit.Headers = append(a.unit.Headers, h)
		c.next = h.LastOffset() + 1
	}
	l.enqueue(c, a)
	return nil
}

// batch builds the client's next batch.
func (l *crashLife) batch(c *crashClient) ([]byte, error) {
	r := l.rng
	if r.IntN(60) == 0 {
		c.epoch, c.sequence = c.epoch+1, 0 // a new incarnation
	}
	b := batch.NewBuilder(batch.None)
	b.BaseOffset, b.LeaderEpoch = c.next, l.leaderEpoch(c)
	b.ProducerID, b.ProducerEpoch, b.BaseSequence = c.producer, c.epoch, c.sequence
	b.Transactional = c.txns.transactional(r)
	n := 1 + r.IntN(4)
	size := 20 + r.IntN(400)
	if r.IntN(20) == 0 {
		size = l.run.cfgSegment / 6
	}
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(r.Uint32())
	}
	now := l.clock.Now().UnixMilli()
	for range n {
		l.run.values++
		b.Add(now-5000+r.Int64N(6000), fmt.Appendf(nil, "key %d", l.run.values), value[:len(value)/n])
	}
	c.sequence += int32(n)
	return b.Build(nil)
}

func (l *crashLife) newAppend(c *crashClient, kind Kind, argument model.Offset) *crashAppend {
	epoch := l.leaderEpoch(c)
	return &crashAppend{
		unit: Append{
			Partition: l.log.Partition(c.id), Kind: kind, Epoch: epoch, BaseOffset: argument,
			Sync: c.sync || kind != KindBatches, Generation: c.gen,
		},
		op:      &crashOp{partition: c.id, kind: kind, epoch: epoch, argument: argument},
		history: l.run.history, failed: c.breakOff, done: make(chan struct{}),
	}
}

func (l *crashLife) enqueue(c *crashClient, a *crashAppend) {
	a.unit.Done = a
	c.flying = append(c.flying, a)
	l.log.Enqueue(&a.unit)
}

// await waits until at most so many of a client's appends are under way.
func (l *crashLife) await(c *crashClient, left int) {
	if len(c.flying) <= left {
		return
	}
	l.gate.set(false)
	n := len(c.flying) - left
	if !c.sync {
		_ = l.sync() // if it fails, so do the appends
	}
	for _, a := range c.flying[:n] {
		l.ended(a)
	}
	c.flying = append([]*crashAppend(nil), c.flying[n:]...)
}

// ended waits for the end of an append. The log must tell; if it does not, the
// rest of the seed makes no sense.
func (l *crashLife) ended(a *crashAppend) {
	timer := clock.Real{}.NewTimer(crashPatience)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C():
		panic(fmt.Sprintf("%v: written %v, and nothing more was told in %v; %s", a.op, a.at > 0, crashPatience, l.plan.name))
	}
}

// crashPatience is far above what an append takes on the busiest machine.
const crashPatience = 20 * time.Second

func (l *crashLife) awaitAll() {
	for _, c := range l.run.clients {
		l.await(c, 0)
	}
}

// sync asks for a sync and waits for it.
func (l *crashLife) sync() error {
	l.gate.set(false)
	done := make(chan error, 1)
	l.log.Sync(func(err error) { done <- err })
	return <-done
}

// syncAll checks what Sync promises: all that was enqueued before.
func (l *crashLife) syncAll() {
	var before []*crashAppend
	for _, c := range l.run.clients {
		before = append(before, c.flying...)
	}
	if l.sync() != nil {
		return
	}
	for _, a := range before {
		l.ended(a)
	}
}

// read compares a stretch of a partition with what was written there.
func (l *crashLife) read(c *crashClient) error {
	if slices.ContainsFunc(c.flying, func(a *crashAppend) bool { return a.unit.Kind != KindBatches }) {
		l.await(c, 0) // the borders are moving
	}
	p := l.log.Partition(c.id)
	want := l.run.history.alive(c.id)
	if len(want) == 0 {
		return nil
	}
	end := want[len(want)-1].header.LastOffset() + 1
	skip := l.rng.IntN(len(want))
	want = want[skip:]
	from := max(want[0].header.BaseOffset, p.Start())
	got, err := readCrashBatches(p, from, end)
	if _, dead, _ := l.plan.state(); dead {
		return nil
	}
	if errors.Is(err, vfs.ErrIO) && l.plan.armed.Load() && l.plan.unanswered != nil {
		l.plan.unanswered()
		return nil
	}
	if err != nil {
		return fmt.Errorf("read partition %d from %d to %d: %w", c.id, from, end, err)
	}
	if len(got) != len(want) {
		return fmt.Errorf("read partition %d from %d to %d: %d batches, want %d", c.id, from, end, len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i].bytes, want[i].bytes) {
			return fmt.Errorf("read partition %d: other bytes at offset %d", c.id, want[i].header.BaseOffset)
		}
	}
	return nil
}

// truncate cuts the newest batches of a partition. As in a cluster it comes
// with a new leader epoch, and only once nothing is under way.
func (l *crashLife) truncate(c *crashClient) {
	l.await(c, 0)
	l.renew(c)
	alive := uncommitted(l.run.history.alive(c.id))
	start, end := l.run.history.window(c.id)
	if len(alive) == 0 || end != c.next {
		return
	}
	to := alive[len(alive)-1-l.rng.IntN(min(4, len(alive)))].header.BaseOffset
	if to < start {
		return
	}
	c.bump++
	l.enqueue(c, l.newAppend(c, KindTruncate, to))
	c.next = to
	c.newProducer(l.run)
	l.run.forgetCursors(c.id)
	l.run.count.truncates.Add(1)
}

// logStart deletes records from the front.
func (l *crashLife) logStart(c *crashClient) {
	l.renew(c)
	start, end := l.run.history.window(c.id)
	end = min(end, c.next) // a truncation may be under way
	if start >= end {
		return
	}
	to := start + 1 + model.Offset(l.rng.Int64N(int64(end-start)))
	if l.rng.IntN(2) == 0 {
		to = end
	}
	l.enqueue(c, l.newAppend(c, KindLogStart, to))
	l.run.count.logStarts.Add(1)
}

// reclaim frees what died; now and then everything dies first.
func (l *crashLife) reclaim() {
	l.gate.set(false)
	if l.rng.IntN(3) == 0 {
		l.awaitAll()
		for _, c := range l.run.clients {
			l.renew(c)
			if start, end := l.run.history.window(c.id); start < end {
				l.enqueue(c, l.newAppend(c, KindLogStart, end))
			}
		}
		l.awaitAll()
		if l.rng.IntN(2) == 0 {
			l.clock.Advance(11 * time.Second) // a checkpoint, perhaps
			_ = l.sync()
		}
	}
	n, _, err := l.log.Reclaim()
	l.run.count.reclaimed.Add(int64(n))
	if fired, _, _ := l.plan.state(); err != nil && !fired {
		l.run.history.complain("reclaim: %v", err)
	}
}

// relocate empties what is worth it, most often after one partition has kept
// what it has and others have lost all; and perhaps gives the space back.
func (l *crashLife) relocate() {
	l.gate.set(false)
	if l.rng.IntN(2) == 0 {
		l.awaitAll()
		for _, c := range l.run.clients {
			l.renew(c)
			if start, end := l.run.history.window(c.id); start < end && l.rng.IntN(3) > 0 {
				l.enqueue(c, l.newAppend(c, KindLogStart, end))
			}
		}
		l.awaitAll()
	}
	_, _, err := l.log.Relocate()
	if fired, _, _ := l.plan.state(); err != nil && !fired {
		l.run.history.complain("relocate: %v", err)
	}
	if l.rng.IntN(2) == 0 {
		l.reclaim()
	}
}

// holdsCopies reports whether anything is found in the cold log, or in side
// segments.
func (l *crashLife) holdsCopies(side bool) bool {
	for _, s := range l.log.coldLog.segments.all() {
		if s.Log.isSide() == side && s.live.Load() > 0 {
			return true
		}
	}
	return false
}

// drop deletes a partition for good; a new one takes its place.
func (l *crashLife) drop(c *crashClient) {
	l.await(c, 0)
	l.run.metadata.drop(c.id)
	l.log.Drop(c.id)
	l.run.forgetCursors(c.id)
	l.run.replace(c)
	l.meet(c)
}

// makeRoom ends a shortage of space: appends must work again, by themselves.
func (l *crashLife) makeRoom() error {
	l.awaitAll()
	l.run.disk.SetCapacity(1 << 40)
	for _, c := range l.run.clients {
		l.renew(c)
		if err := l.append(c); err != nil {
			return err
		}
		l.await(c, 0)
		if err := c.takeBroken(); err != nil && !l.over() {
			return fmt.Errorf("there is room again, and an append to partition %d failed: %w", c.id, err)
		}
	}
	return nil
}
