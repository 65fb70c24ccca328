package main

import (
	"runtime"
	"sync"
	"testing"
)

func TestHeapLimit(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ live, other, want int64 }{
		{0, 0, 128 * mib},
		{40 * mib, 0, 128 * mib},
		{100 * mib, 0, 148 * mib},
		{400 * mib, 0, 500 * mib},
		{0, 200 * mib, 328 * mib}, // many connections are many stacks
	} {
		if got := heapLimit(c.live, c.other); got != c.want {
			t.Errorf("%d MiB alive and %d beside: limit %d MiB, expected %d", c.live/mib, c.other/mib, got/mib, c.want/mib)
		}
	}
}

// TestMemoryBesideTheHeap: what many goroutines take is seen, and the heap's
// own is not.
func TestMemoryBesideTheHeap(t *testing.T) {
	const goroutines = 20_000
	samples := memorySamples()
	_, before, ok := readMemory(samples)
	if !ok || before <= 0 {
		t.Fatalf("%d bytes beside the heap, known: %v", before, ok)
	}
	garbage := make([]byte, 256<<20)
	_, with, _ := readMemory(samples)
	if with-before > int64(len(garbage)/8) {
		t.Errorf("%d bytes of heap count as %d beside it", len(garbage), with-before)
	}
	runtime.KeepAlive(garbage)
	var all, started sync.WaitGroup
	stop := make(chan struct{})
	started.Add(goroutines)
	for range goroutines {
		all.Go(func() {
			started.Done()
			<-stop
		})
	}
	started.Wait()
	_, after, _ := readMemory(samples)
	close(stop)
	all.Wait()
	if after-before < goroutines*(2<<10) {
		t.Errorf("%d stacks count as %d bytes", goroutines, after-before)
	}
}
