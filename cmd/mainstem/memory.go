package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

const (
	// heapLimitMin is the soft limit of a heap that is small. A broker under a
	// normal load, with ten thousand partitions, does not come near it.
	heapLimitMin = 128 << 20
	// heapRoom is how much a heap may grow at least between two collections.
	heapRoom = 48 << 20

	heapLimitPeriod = time.Second
	heapLive        = "/gc/heap/live:bytes"
)

// heapKeeper sets the collector's soft limit, unless the user did by
// GOMEMLIMIT.
//
// Without a limit the heap grows to twice of what is alive. What is alive here
// are bursts: large answers and reads of old data, within budgets of their own;
// as garbage they would take these budgets a second time. With a limit the
// collector runs more often instead, but only during such bursts: the heap of a
// normal load is far below it. A fixed limit would make it run all the time
// once more than that is alive for good (many topics), so the limit follows
// what is alive, with at least a quarter of that to spare. Request buffers are
// not on the heap.
type heapKeeper struct {
	clock clock.Clock
	stop  chan struct{}
	done  sync.WaitGroup
}

// keepHeap starts the keeper; nil if the user set a limit.
func keepHeap(c clock.Clock) *heapKeeper {
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	k := &heapKeeper{clock: c, stop: make(chan struct{})}
	k.done.Go(k.run)
	return k
}

func (k *heapKeeper) run() {
	sample := []metrics.Sample{{Name: heapLive}}
	for {
		metrics.Read(sample)
		if v := sample[0].Value; v.Kind() == metrics.KindUint64 {
			debug.SetMemoryLimit(heapLimit(int64(v.Uint64())))
		}
		t := k.clock.NewTimer(heapLimitPeriod)
		select {
		case <-t.C():
		case <-k.stop:
			t.Stop()
			return
		}
	}
}

// heapLimit is the limit while so many bytes are alive.
func heapLimit(live int64) int64 {
	return max(heapLimitMin, live+max(heapRoom, live/4))
}

func (k *heapKeeper) close() error {
	if k != nil {
		close(k.stop)
		k.done.Wait()
	}
	return nil
}
