package server_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestTransactionsCrash runs transactions on a whole broker, and cuts the power before
// every change of the disk and after every answer; of what was not synced different
// parts survive. A start on what is left has to show each transaction as its client
// knows it, or as a whole, or not at all. In some of the starts the power is cut again.
//
//	CRASH_SEED=17 go test ./server -run TestTransactionsCrash -v
func TestTransactionsCrash(t *testing.T) {
	seeds, stride, subsets := []uint64{1, 2}, 1, 2
	if testing.Short() {
		seeds, stride, subsets = seeds[:1], 13, 1
	}
	if seed, err := strconv.ParseUint(os.Getenv("CRASH_SEED"), 10, 64); err == nil {
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		r := newCrashRun(t, seed, nil)
		r.play()
		moments := len(r.cuts)
		if moments < 300 || len(r.txns) < 30 {
			t.Fatalf("%d moments, %d transactions: the script no longer does what it is for", moments, len(r.txns))
		}
		var tally crashTally
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { r.cutAll(t, stride, subsets, &tally) })
		t.Logf("seed %d: %d transactions, %d moments; %d starts, %d of them after a second cut, %d with groups behind;\n"+
			"%d transactions resumed, %d writes repeated; %d starts found decisions to carry out: %d without markers, %d with some, %d with all; %d were stopped before they had",
			seed, len(r.txns), moments, tally.starts.Load(), tally.again.Load(), tally.lateGroups.Load(), tally.resumed.Load(), tally.resent.Load(),
			tally.decided.Load(), tally.unmarked.Load(), tally.between.Load(), tally.marked.Load(), tally.stopped.Load())
		if t.Failed() {
			return
		}
		least := map[string]int64{
			"second cut": tally.again.Load(), "transaction resumed": tally.resumed.Load(), "decision to carry out": tally.decided.Load(),
		}
		if !testing.Short() { // a sample may miss these
			least["decision without markers"], least["decision with all markers"] = tally.unmarked.Load(), tally.marked.Load()
			least["decision with some markers"], least["clean end in the middle of them"] = tally.between.Load(), tally.stopped.Load()
		}
		for what, n := range least {
			if n == 0 {
				t.Errorf("seed %d: no %s: the test no longer does what it is for", seed, what)
			}
		}
	}
}

// cutAll cuts the power at the moments of a run.
func (r *crashRun) cutAll(t *testing.T, stride, subsets int, tally *crashTally) {
	const parts = 4
	for part := range parts {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			for i := part * stride; i < len(r.cuts); i += parts * stride {
				for subset := range subsets {
					r.cutPower(t, i, subset, tally)
				}
				r.cuts[i] = nil
			}
		})
	}
}

// cutPower cuts the power at a moment, and sometimes once more in the start after it.
func (r *crashRun) cutPower(t *testing.T, i, subset int, tally *crashTally) {
	t.Helper()
	cut := r.cuts[i]
	rng := rand.New(rand.NewPCG(r.seed<<32|uint64(i), uint64(subset)))
	name := fmt.Sprintf("seed %d, moment %d (%s), subset %d", r.seed, i, cut.what, subset)
	disk := cut.disk.Clone().PowerCut(rng)
	how := &crashStart{rng: rng, resume: rng.IntN(2) == 0, lateGroups: rng.IntN(3) == 0, tally: tally}
	how.stops = how.lateGroups && rng.IntN(2) == 0
	var second *vfs.Mem
	seen := false
	if !how.resume && rng.IntN(2) == 0 {
		how.every = vfs.CallNth(1+rng.Int64N(30), vfs.AnyChange, func(vfs.Op) {
			seen = how.seen.Load()
			second = disk.Clone()
		})
	}
	l := r.look(crashTB{t, name}, cut, disk, how)
	if second == nil {
		return
	}
	later, again := *cut, &crashStart{rng: rng, lateGroups: how.lateGroups, tally: tally}
	later.clock = l.clock.Now()
	if seen {
		again.known = l.verdicts
	}
	r.look(crashTB{t, name + ", and again"}, &later, second.PowerCut(rng), again)
	tally.again.Add(1)
}

// crashTB says of a failure where the power was cut.
type crashTB struct {
	testing.TB

	where string
}

func (t crashTB) Error(args ...any) { t.Helper(); t.TB.Errorf("%s: %s", t.where, fmt.Sprint(args...)) }

func (t crashTB) Fatal(args ...any) { t.Helper(); t.TB.Fatalf("%s: %s", t.where, fmt.Sprint(args...)) }

func (t crashTB) Errorf(format string, args ...any) {
	t.Helper()
	t.TB.Errorf("%s: %s", t.where, fmt.Sprintf(format, args...))
}

func (t crashTB) Fatalf(format string, args ...any) {
	t.Helper()
	t.TB.Fatalf("%s: %s", t.where, fmt.Sprintf(format, args...))
}
