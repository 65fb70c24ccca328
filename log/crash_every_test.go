package log

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// crashEvery runs the same script again and again, with the fault that plan
// makes at the n-th operation, for every n until it no longer happens, and
// holds what a sound life finds behind it against the oracle. The short way
// takes every fifth operation of one script.
func crashEvery(t *testing.T, count *crashCount, plan func(n int64) []*crashPlan) {
	t.Helper()
	if testing.Short() {
		crashEveryOf(t, count, 7, 5, plan)
		return
	}
	for seed := uint64(7); seed < 12; seed++ {
		crashEveryOf(t, count, seed, 1, plan)
	}
}

// crashMisses is after how many operations in a row that did not happen a script
// is taken to have no more: how many it has depends on the schedule of the log's
// goroutines, so one run may be short.
const crashMisses = 3

func crashEveryOf(t *testing.T, count *crashCount, seed uint64, stride int64, plan func(n int64) []*crashPlan) {
	t.Helper()
	const most = 2000
	missed := 0
	for n := int64(1); n < most; n += stride {
		run := newCrashRun(seed, count)
		fired, err := run.script(plan(n))
		if err != nil {
			for _, line := range run.trace {
				t.Log(line)
			}
			t.Fatalf("script %d, operation %d: %v", seed, n, err)
		}
		if fired {
			missed = 0
			continue
		}
		if n == 1 {
			t.Fatal("the fault never happened")
		}
		if missed++; missed == crashMisses {
			return
		}
	}
	t.Fatalf("the script has more than %d operations", most)
}

// script goes through a life for each plan, and a sound one. It reports
// whether the first plan's fault happened.
func (r *crashRun) script(plans []*crashPlan) (fired bool, err error) {
	if err := r.disk.MkdirAll(crashDir); err != nil {
		return false, err
	}
	for _, plan := range plans {
		if err := r.life(plan); err != nil {
			return false, fmt.Errorf("%s: %w", plan.name, err)
		}
	}
	fired, _, _ = plans[0].state()
	return fired, r.life(&crashPlan{name: "sound"})
}

// TestCrashAtEveryOperation: the process or the machine dies in each change of
// the disk; then once more, somewhere in the recovery.
func TestCrashAtEveryOperation(t *testing.T) {
	var count crashCount
	crashEvery(t, &count, func(n int64) []*crashPlan {
		crash := func(n int64) *crashPlan {
			return &crashPlan{name: fmt.Sprintf("crash at change %d", n), dies: true, hooks: []vfs.Hook{vfs.CrashAt(n, int(n*37%1500))}}
		}
		return []*crashPlan{crash(n), crash(n%16 + 1)}
	})
	t.Log(&count)
}

// TestFaultAtEveryOperation: each operation of each kind fails once. Nothing
// acknowledged is lost, and the log goes on, but for a failed sync.
func TestFaultAtEveryOperation(t *testing.T) {
	var count crashCount
	for _, c := range []struct {
		kind vfs.Kind
		err  error
	}{
		{vfs.KindWrite, vfs.ErrIO},
		{vfs.KindWrite, vfs.ErrNoSpace},
		{vfs.KindWrite, &vfs.Short{Bytes: 700, Err: vfs.ErrNoSpace}},
		{vfs.KindSync, vfs.ErrIO},
		{vfs.KindSyncDir, vfs.ErrIO},
		{vfs.KindCreate, vfs.ErrNoSpace},
		{vfs.KindAllocate, vfs.ErrNoSpace},
		{vfs.KindAllocate, vfs.ErrNotSupported},
		{vfs.KindRename, vfs.ErrIO},
		{vfs.KindRemove, vfs.ErrIO},
		{vfs.KindList, vfs.ErrIO},
	} {
		t.Run(fmt.Sprintf("%v, %v", c.kind, c.err), func(t *testing.T) {
			crashEvery(t, &count, func(n int64) []*crashPlan {
				plan := &crashPlan{name: fmt.Sprintf("%v %d fails", c.kind, n), hooks: []vfs.Hook{vfs.FailNth(n, c.kind, c.err)}}
				plan.latches = c.kind == vfs.KindSync || c.kind == vfs.KindSyncDir
				plan.harmless = errors.Is(c.err, vfs.ErrNotSupported)
				return []*crashPlan{plan}
			})
		})
	}
	t.Log(&count)
}
