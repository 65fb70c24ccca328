package log

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// The crash tests run one disk through several lives of a log each, let the
// disk or the process die in all kinds of ways, and hold every recovery
// against the oracle (crash_oracle_test.go). A seed decides all but the
// schedule of the log's own goroutines, so a failure most often comes again:
//
//	CRASH_SEED=17 go test ./log -run TestCrash
//	CRASH_SEEDS=5000 go test ./log -run TestCrash -v
const (
	crashSeedsShort = 150
	crashSeeds      = 2000
)

// crashCount is what a test of many seeds has gone through.
type crashCount struct {
	recoveries, unclean, died, powerCuts, kills, clean, latched atomic.Int64
	flips, flipsTold, flipsInTail, flipsUnseen                  atomic.Int64
	rebuilds, checkpoints, segments, reclaimed, aside           atomic.Int64
	relocated, coldRelocated, coldReclaimed, coldRebuilds       atomic.Int64
	compacted, overtaken, runsInstalled, sideRebuilds           atomic.Int64
	truncates, logStarts, failed, lost, told                    atomic.Int64
	commits, aborts                                             atomic.Int64
}

// String is the summary.
func (c *crashCount) String() string {
	return fmt.Sprintf("%d power cuts, %d kills, %d clean ends, %d failed syncs; "+
		"%d recoveries (%d unclean, %d more died half way), %d indexes rebuilt\n"+
		"%d bits flipped: %d reported, %d in the tail that no later entry vouches for, %d below the checkpoint\n"+
		"%d checkpoints, %d segments made, %d reclaimed, %d files set aside, %d truncations, %d log starts\n"+
		"%d segments relocated and %d of the cold log, %d of that reclaimed, %d rebuilds found copies\n"+
		"%d compactions and %d overtaken, %d runs installed by recovery, %d rebuilds found side segments\n"+
		"%d transactions committed, %d aborted; %d times appends failed; %d appends lost that nobody was promised, %d async consumers told so by the epoch",
		c.powerCuts.Load(), c.kills.Load(), c.clean.Load(), c.latched.Load(),
		c.recoveries.Load(), c.unclean.Load(), c.died.Load(), c.rebuilds.Load(),
		c.flips.Load(), c.flipsTold.Load(), c.flipsInTail.Load(), c.flipsUnseen.Load(),
		c.checkpoints.Load(), c.segments.Load(), c.reclaimed.Load(), c.aside.Load(), c.truncates.Load(), c.logStarts.Load(),
		c.relocated.Load(), c.coldRelocated.Load(), c.coldReclaimed.Load(), c.coldRebuilds.Load(),
		c.compacted.Load(), c.overtaken.Load(), c.runsInstalled.Load(), c.sideRebuilds.Load(),
		c.commits.Load(), c.aborts.Load(), c.failed.Load(), c.lost.Load(), c.told.Load())
}

// hear counts events of the log.
func (c *crashCount) hear(e Event) {
	switch e := e.(type) {
	case SegmentRelocated:
		if _, ok := parseColdName(e.Name); ok {
			c.coldRelocated.Add(1)
		} else {
			c.relocated.Add(1)
		}
	case SegmentRemoved:
		if _, ok := parseColdName(e.Name); ok {
			c.coldReclaimed.Add(1)
		}
	case PartitionCompacted:
		c.compacted.Add(1)
	case RunInstalled:
		c.runsInstalled.Add(1)
	case SegmentCreated:
		c.segments.Add(1)
	case CheckpointWritten:
		c.checkpoints.Add(1)
	case AppendsFailed:
		c.failed.Add(1)
	case FileQuarantined:
		c.aside.Add(1)
	}
}

// crashSeedRange is which seeds to run.
func crashSeedRange() (from, to uint64) {
	if seed, ok := envUint("CRASH_SEED"); ok {
		return seed, seed + 1
	}
	if n, ok := envUint("CRASH_SEEDS"); ok {
		from, _ = envUint("CRASH_FROM")
		return from, from + n
	}
	if testing.Short() {
		return 0, crashSeedsShort
	}
	return 0, crashSeeds
}

func envUint(name string) (uint64, bool) {
	n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	return n, err == nil
}

func TestCrash(t *testing.T) {
	var count crashCount
	from, to := crashSeedRange()
	for seed := from; seed < to; seed++ {
		run := newCrashRun(seed, &count)
		if err := run.lives(); err != nil {
			for _, line := range run.trace {
				t.Log(line)
			}
			t.Errorf("seed %d: %v", seed, err)
			if t.Failed() && os.Getenv("CRASH_ALL") == "" {
				break
			}
		}
	}
	t.Logf("seeds %d to %d: %s", from, to-1, &count)
	if to-from >= crashSeedsShort && !t.Failed() {
		for what, n := range map[string]int64{
			"power cuts": count.powerCuts.Load(), "rebuilt indexes": count.rebuilds.Load(), "reported flips": count.flipsTold.Load(),
			"checkpoints": count.checkpoints.Load(), "lost appends": count.lost.Load(), "recoveries that died": count.died.Load(),
			"relocated segments": count.relocated.Load(), "reclaimed cold segments": count.coldReclaimed.Load(),
			"aborted transactions": count.aborts.Load(),
			"compactions":          count.compacted.Load(), "runs that recovery installed": count.runsInstalled.Load(),
			"failed syncs": count.latched.Load(), "reclaimed segments": count.reclaimed.Load(), "truncations": count.truncates.Load(),
		} {
			if n == 0 {
				t.Errorf("no %s in all seeds: the test no longer does what it is for", what)
			}
		}
		if to-from >= crashSeeds && (count.coldRelocated.Load() == 0 || count.coldRebuilds.Load() == 0 || count.sideRebuilds.Load() == 0) {
			t.Error("no segment of the cold log was relocated, or no rebuild found copies or side segments")
		}
	}
}

// TestCrashDeathWhileLooking: the disk dies after Open, before the oracle has
// settled how much of the history an earlier power cut left. What that took is
// not in the page cache, and must not be asked for by the next life.
func TestCrashDeathWhileLooking(t *testing.T) {
	for seed := range uint64(64) {
		run := newCrashRun(seed, &crashCount{})
		if err := run.disk.MkdirAll(crashDir); err != nil {
			t.Fatal(err)
		}
		l, err := run.open(&crashPlan{name: "sound"})
		if err != nil {
			t.Fatal(err)
		}
		l.checked = false
		run.history.wrote(&crashOp{partition: 1, kind: KindLogStart}) // and the power cut took it
		l.plan.mu.fired, l.plan.mu.dead = true, true
		if err := run.end(l, true); err != nil {
			t.Fatal(err)
		}
		if !run.past.cacheKept {
			continue
		}
		if run.past.cached != 0 {
			t.Errorf("seed %d: H[:%d] is held to be in the page cache, nobody has seen it there", seed, run.past.cached)
		}
		return
	}
	t.Fatal("no seed ended with a kill")
}

// TestCrashCursorOfAHitPartition: a truncation that was promised to nobody is
// lost, and a bit of its partition turned; so which of the two histories the log
// has is not looked at. A consumer whose batch the log still has misses nothing,
// whichever is taken for it; one whose batch is gone has to be told.
func TestCrashCursorOfAHitPartition(t *testing.T) {
	run := newCrashRun(1, &crashCount{})
	if err := run.disk.MkdirAll(crashDir); err != nil {
		t.Fatal(err)
	}
	l, err := run.open(&crashPlan{name: "sound"})
	if err != nil {
		t.Fatal(err)
	}
	c := run.clients[0]
	if err := l.append(c); err != nil {
		t.Fatal(err)
	}
	l.await(c, 0)
	read := crashCursor{c.id, run.history.alive(c.id)[0]}
	run.history.wrote(&crashOp{partition: c.id, kind: KindTruncate}) // and it is lost
	hit := gatherCrashFound(l.log.Partition(c.id))
	for _, x := range []struct {
		hit   *crashFound
		wrong bool
	}{{hit, false}, {nil, true}, {&crashFound{id: c.id}, true}, {&crashFound{id: c.id + 1, batches: hit.batches}, true}} {
		run.cursors = []crashCursor{read}
		if err := run.checkCursors(l, x.hit); (err != nil) != x.wrong {
			t.Errorf("hit: %v: %v", x.hit, err)
		}
	}
	if err := run.end(l, true); err != nil {
		t.Fatal(err)
	}
}
