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
)

// The runtime's names of what the limit is made from.
const (
	heapLive = iota
	memoryTotal
	memoryReleased
	memoryFree
	memoryObjects
	memoryUnused
	memoryFigures
)

// memorySamples asks for the figures above, in their order.
func memorySamples() []metrics.Sample {
	s := make([]metrics.Sample, memoryFigures)
	s[heapLive].Name = "/gc/heap/live:bytes"
	s[memoryTotal].Name = "/memory/classes/total:bytes"
	s[memoryReleased].Name = "/memory/classes/heap/released:bytes"
	s[memoryFree].Name = "/memory/classes/heap/free:bytes"
	s[memoryObjects].Name = "/memory/classes/heap/objects:bytes"
	s[memoryUnused].Name = "/memory/classes/heap/unused:bytes"
	return s
}

// heapKeeper sets the collector's soft limit, unless the user did by
// GOMEMLIMIT.
//
// Without a limit the heap grows to twice of what is alive. What is alive here
// are bursts: large answers and reads of old data, within budgets of their own;
// as garbage they would take these budgets a second time. With a limit the
// collector runs more often instead, but only during such bursts: the heap of a
// normal load is far below it. A fixed limit would make it run all the time
// once more than that is alive for good (many topics), so the limit follows
// what is alive, with at least a quarter of that to spare. The runtime counts
// stacks and its own tables against the limit too, which no collection makes
// smaller: they come on top. Request buffers are not the runtime's.
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
	samples := memorySamples()
	for more := true; more; more = clock.Wait(k.clock, heapLimitPeriod, k.stop) {
		if live, other, ok := readMemory(samples); ok {
			debug.SetMemoryLimit(heapLimit(live, other))
		}
	}
}

// readMemory returns the bytes that are alive on the heap, and what the runtime
// takes beside the heap; false if it does not say.
func readMemory(samples []metrics.Sample) (live, other int64, ok bool) {
	metrics.Read(samples)
	var n [memoryFigures]int64
	for i := range samples {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0, 0, false
		}
		n[i] = int64(samples[i].Value.Uint64())
	}
	return n[heapLive], n[memoryTotal] - n[memoryReleased] - n[memoryFree] - n[memoryObjects] - n[memoryUnused], true
}

// heapLimit is the limit while so many bytes are alive, and others are taken
// beside the heap.
func heapLimit(live, other int64) int64 {
	return other + max(heapLimitMin, live+max(heapRoom, live/4))
}

func (k *heapKeeper) close() error {
	if k != nil {
		close(k.stop)
		k.done.Wait()
	}
	return nil
}
