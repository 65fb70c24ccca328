package server_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// faultAt lets one write of the log fail once it is armed.
type faultAt struct {
	n      int64
	err    error
	armed  atomic.Bool
	writes atomic.Int64
}

func (f *faultAt) hook(op vfs.Op) error {
	if op.Kind == vfs.KindWrite && f.armed.Load() && f.writes.Add(1) == f.n {
		return f.err
	}
	return nil
}

// TestTransactionsFault runs transactions on a whole broker, one write of whose log
// fails: each in turn. What fails with it are records, decisions, markers, offsets, and
// whatever is on its way behind them; shards load again in the middle. Clients ask
// again, and every transaction ends as they were told, also after a restart.
func TestTransactionsFault(t *testing.T) {
	stride := int64(1)
	if testing.Short() {
		stride = 11
	}
	for _, err := range []error{vfs.ErrNoSpace, &vfs.Short{Bytes: 300, Err: vfs.ErrIO}} {
		t.Run(err.Error(), func(t *testing.T) {
			t.Parallel()
			n := int64(1)
			for ; failWrite(t, &faultAt{n: n, err: err}); n += stride {
			}
			if n < 60 {
				t.Errorf("the script has %d writes: it no longer does what it is for", n)
			}
		})
	}
}

// failWrite goes through the script with a fault. It reports whether that happened.
func failWrite(t *testing.T, f *faultAt) bool {
	t.Helper()
	tb := crashTB{t, fmt.Sprintf("write %d fails (%v)", f.n, f.err)}
	r := newCrashRun(tb, 1, f.hook)
	f.armed.Store(true)
	r.playShort()
	f.armed.Store(false)
	all := &crashCut{answered: r.now, asked: r.now, clock: r.clock.Now()}
	live := r.newLook(tb, all)
	live.b, live.c = r.b, r.c
	live.judge()
	live.read()
	live.compare()
	r.stop()
	r.look(tb, all, r.disk, &crashStart{rng: rand.New(rand.NewPCG(1, 1)), tally: &crashTally{}})
	return f.writes.Load() >= f.n
}
