package server_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestTransactionsCrash runs transactions on a whole broker, and cuts the power before
// every change of the disk and after every answer; of what was not synced different
// parts survive. A start on what is left has to show each transaction as its client
// knows it, or as a whole, or not at all. In some of the starts the power is cut again.
func TestTransactionsCrash(t *testing.T) {
	seeds, stride, subsets := []uint64{1, 2}, 1, 3
	if testing.Short() {
		seeds, stride, subsets = seeds[:1], 13, 1
	}
	if seed, err := strconv.ParseUint(os.Getenv("CRASH_SEED"), 10, 64); err == nil {
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := newCrashRun(t, seed)
			r.play()
			if len(r.cuts) < 300 || len(r.txns) < 30 {
				t.Fatalf("%d moments, %d transactions: the script no longer does what it is for", len(r.cuts), len(r.txns))
			}
			var starts, again atomic.Int64
			t.Run("cuts", func(t *testing.T) {
				const parts = 4
				for part := range parts {
					t.Run(fmt.Sprint(part), func(t *testing.T) {
						t.Parallel()
						for i := part * stride; i < len(r.cuts); i += parts * stride {
							for subset := range subsets {
								twice := r.cutPower(t, i, subset)
								starts.Add(1)
								again.Add(int64(twice))
							}
							r.cuts[i] = nil
						}
					})
				}
			})
			t.Logf("seed %d: %d transactions, %d moments, %d power cuts, %d more in the starts after them", seed, len(r.txns), len(r.cuts), starts.Load(), again.Load())
			if again.Load() == 0 && !t.Failed() {
				t.Error("no start was cut again")
			}
		})
	}
}

// cutPower cuts the power at a moment, and once more in the start after it if that
// does so much. It returns how often it did the latter.
func (r *crashRun) cutPower(t *testing.T, i, subset int) (again int) {
	t.Helper()
	cut := r.cuts[i]
	rng := rand.New(rand.NewPCG(r.seed<<32|uint64(i), uint64(subset)))
	name := fmt.Sprintf("seed %d, moment %d (%s), subset %d", r.seed, i, cut.what, subset)
	disk := cut.disk.Clone().PowerCut(rng)
	resume := rng.IntN(2) == 0
	var second *vfs.Mem
	var every vfs.Hook
	if !resume && rng.IntN(2) == 0 {
		every = vfs.CallNth(1+rng.Int64N(40), vfs.AnyChange, func(vfs.Op) { second = disk.Clone() })
	}
	now := r.look(crashTB{t, name}, cut, disk, resume, rng, every)
	if second == nil {
		return 0
	}
	later := *cut
	later.clock = now
	r.look(crashTB{t, name + ", and again"}, &later, second.PowerCut(rng), false, rng, nil)
	return 1
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
