package log

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// The fault tests send a log through the lives of the crash tests, on a disk
// that is worn out: at random operations it fails, has no room, does a part of a
// write, or takes its time, and goes on as if nothing had been. The log must
// not stop for that, and what it acknowledged is what the oracle says, after
// each start and while it runs: batches, deletion, what a time or a size finds.
//
//	CRASH_SEED=17 go test ./log -run TestFaults
const (
	faultSeedsShort = 40
	faultSeeds      = 3000
)

// faultCount is what the worn disks did.
type faultCount struct {
	changes, reads, slow, asked, skipped atomic.Int64
}

func (c *faultCount) String() string {
	return fmt.Sprintf("%d changes and %d reads of the disk failed, %d were slow; %d questions answered, %d not for a failed read",
		c.changes.Load(), c.reads.Load(), c.slow.Load(), c.asked.Load(), c.skipped.Load())
}

// wornDisk is a disk that fails now and then.
type wornDisk struct {
	count *faultCount
	often int // one operation in so many fails
	kinds []error
	reads bool // once the plan is armed: reads too

	mu  sync.Mutex
	rng *rand.Rand
}

// drawWornPlan decides what a disk does in the coming life.
func drawWornPlan(r *rand.Rand, count *faultCount) *crashPlan {
	all := []error{vfs.ErrIO, vfs.ErrNoSpace, &vfs.Short{Bytes: r.IntN(3000), Err: vfs.ErrIO}, &vfs.Short{Bytes: r.IntN(3000), Err: vfs.ErrNoSpace}}
	d := &wornDisk{count: count, often: []int{12, 40, 120, 400}[r.IntN(4)], reads: r.IntN(3) == 0, rng: rand.New(rand.NewPCG(r.Uint64(), 0))}
	for _, e := range all {
		if r.IntN(2) == 0 {
			d.kinds = append(d.kinds, e)
		}
	}
	if len(d.kinds) == 0 {
		d.kinds = all
	}
	// A failed sync latches the log, which is the crash tests' subject.
	p := &crashPlan{name: fmt.Sprintf("one operation in %d fails, reads %v", d.often, d.reads), worn: true, reads: d.reads}
	p.hooks = append(p.hooks, func(op vfs.Op) error { return d.hook(p, op) })
	return p
}

func (d *wornDisk) hook(p *crashPlan, op vfs.Op) error {
	read := op.Kind == vfs.KindRead && d.reads && p.armed.Load()
	if op.Kind == vfs.KindSync || op.Kind == vfs.KindSyncDir || !read && !op.Is(vfs.AnyChange) {
		return nil
	}
	d.mu.Lock()
	x, kind := d.rng.IntN(d.often*8), d.kinds[d.rng.IntN(len(d.kinds))]
	d.mu.Unlock()
	switch {
	case x < 8 && read:
		d.count.reads.Add(1)
		return vfs.ErrIO
	case x < 8:
		d.count.changes.Add(1)
		var short *vfs.Short
		if errors.As(kind, &short) && op.Kind != vfs.KindWrite {
			return short.Err
		}
		return kind
	case x < 24:
		d.count.slow.Add(1)
		for range 100 {
			runtime.Gosched()
		}
	}
	return nil
}

// ask compares what a time and a size find with what stands in the history.
func (l *crashLife) ask(c *crashClient) error {
	l.await(c, 0)
	p, alive := l.log.Partition(c.id), l.run.history.alive(c.id)
	start, end := l.run.history.window(c.id)
	if p.Start() != start || p.End() != end {
		return fmt.Errorf("partition %d is [%d, %d), want [%d, %d)", c.id, p.Start(), p.End(), start, end)
	}
	limit := end
	if len(alive) > 0 && l.rng.IntN(2) == 0 {
		limit = alive[l.rng.IntN(len(alive))].header.BaseOffset
	}
	ts := l.clock.Now().UnixMilli() - 20_000 + l.rng.Int64N(25_000)
	first, largest, err := findInHistory(alive, start, limit, ts)
	if err != nil {
		return err
	}
	got, ok, err := p.FirstAtOrAfter(ts, limit)
	if err := l.answered("FirstAtOrAfter", c.id, got, ok, err, first); err != nil {
		return err
	}
	got, ok, err = p.MaxTimestamp(limit)
	if err := l.answered("MaxTimestamp", c.id, got, ok, err, largest); err != nil {
		return err
	}
	return l.askSize(c, p, alive, limit)
}

// answered judges an answer; none is due where a read has failed.
func (l *crashLife) answered(what string, id model.PartitionID, got TimestampOffset, ok bool, err error, want *TimestampOffset) error {
	if errors.Is(err, vfs.ErrIO) {
		l.plan.unanswered()
		return nil
	}
	if err != nil || ok != (want != nil) || ok && (got.Offset != want.Offset || got.Timestamp != want.Timestamp) {
		return fmt.Errorf("%s of partition %d: %+v %v %w, want %+v", what, id, got, ok, err, want)
	}
	return nil
}

// findInHistory is the first record below limit at or after a time, and the
// first of those with the largest time.
func findInHistory(alive []crashBatch, start, limit model.Offset, ts int64) (first, largest *TimestampOffset, err error) {
	for i := range alive {
		h := &alive[i].header
		err := batch.Records(alive[i].bytes, h, math.MaxInt32, func(r batch.Record) error {
			x := TimestampOffset{Offset: h.BaseOffset + model.Offset(r.OffsetDelta), Timestamp: h.FirstTimestamp + r.TimestampDelta}
			if x.Offset < start || x.Offset >= limit {
				return nil
			}
			if first == nil && x.Timestamp >= ts {
				first = &x
			}
			if largest == nil || x.Timestamp > largest.Timestamp {
				largest = &x
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return first, largest, nil
}

// askSize compares what retention by size would take, and now and then has it
// taken.
func (l *crashLife) askSize(c *crashClient, p *PartitionLog, alive []crashBatch, limit model.Offset) error {
	total := int64(0)
	for i := range alive {
		total += int64(alive[i].header.Size)
	}
	if got := p.Bytes(); got < total || got > total && !l.run.misread {
		return fmt.Errorf("partition %d has %d bytes, want %d", c.id, got, total)
	}
	keep := l.rng.Int64N(total + 2)
	want := p.Start()
	for i, left := 0, total; i < len(alive); i++ {
		left -= int64(alive[i].header.Size)
		if alive[i].header.LastOffset() >= limit || left < keep {
			break
		}
		want = alive[i].header.LastOffset() + 1
	}
	got, err := p.ExpiredStart(l.clock.Now().UnixMilli(), -1, keep, limit)
	if errors.Is(err, vfs.ErrIO) {
		l.plan.unanswered()
		return nil
	}
	if err != nil || got != want && !l.run.misread {
		return fmt.Errorf("partition %d: to keep %d of %d bytes below %d it begins at %d, %w; want %d", c.id, keep, total, limit, got, err, want)
	}
	if l.rng.IntN(4) == 0 && got > p.Start() {
		l.renew(c)
		l.enqueue(c, l.newAppend(c, KindLogStart, got))
	}
	return nil
}

// TestCrashMisread: a read fails while a log start is raised. The size is too
// large from then on, which the next start is not to be blamed for.
func TestCrashMisread(t *testing.T) {
	run := newCrashRun(1, &crashCount{})
	run.asItDied = true
	if err := run.disk.MkdirAll(crashDir); err != nil {
		t.Fatal(err)
	}
	var fails atomic.Bool
	plan := &crashPlan{name: "reads fail", worn: true, reads: true, hooks: []vfs.Hook{func(op vfs.Op) error {
		if op.Kind == vfs.KindRead && fails.Load() {
			return vfs.ErrIO
		}
		return nil
	}}}
	l, err := run.open(plan)
	if err != nil {
		t.Fatal(err)
	}
	c := run.clients[0]
	for range 20 {
		if err := l.append(c); err != nil {
			t.Fatal(err)
		}
	}
	l.awaitAll()
	if err := l.log.keeper.do(l.log.keeper.checkpoint); err != nil {
		t.Fatal(err)
	}
	before := l.log.Partition(c.id).Bytes()
	fails.Store(true)
	l.enqueue(c, l.newAppend(c, KindLogStart, c.next-1))
	l.awaitAll()
	fails.Store(false)
	if after := l.log.Partition(c.id).Bytes(); after != before {
		t.Fatalf("%d bytes, then %d: nothing was misread", before, after)
	}
	if err := run.end(l, true); err != nil {
		t.Fatal(err)
	}
	if l, err = run.open(&crashPlan{name: "sound"}); err != nil {
		t.Fatal(err)
	}
	if err := run.end(l, true); err != nil {
		t.Fatal(err)
	}
}

func TestFaults(t *testing.T) {
	var count crashCount
	var faults faultCount
	from, to := crashSeedRange()
	if os.Getenv("CRASH_SEED") == "" && os.Getenv("CRASH_SEEDS") == "" {
		to = faultSeeds
		if testing.Short() {
			to = faultSeedsShort
		}
	}
	for seed := from; seed < to; seed++ {
		run := newCrashRun(seed, &count)
		run.asks = true
		run.draw = func(r *rand.Rand) *crashPlan {
			p := drawWornPlan(r, &faults)
			p.unanswered, p.asked = func() { faults.skipped.Add(1) }, func() { faults.asked.Add(1) }
			return p
		}
		if err := run.lives(); err != nil {
			for _, line := range run.trace {
				t.Log(line)
			}
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("seeds %d to %d: %s\n%s", from, to-1, &faults, &count)
	if to-from < faultSeedsShort {
		return
	}
	for what, n := range map[string]int64{
		"failed changes": faults.changes.Load(), "failed reads": faults.reads.Load(), "questions": faults.asked.Load(),
		"failed appends": count.failed.Load(), "relocated segments": count.relocated.Load(), "reclaimed segments": count.reclaimed.Load(),
		"truncations": count.truncates.Load(), "log starts": count.logStarts.Load(), "rebuilt indexes": count.rebuilds.Load(),
	} {
		if n == 0 {
			t.Errorf("no %s in all seeds: the test no longer does what it is for", what)
		}
	}
}
