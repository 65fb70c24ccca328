package shard

import (
	"testing"
	"testing/synctest"
)

// TestWorkersWait: goroutines that are done wait for more, so many and no more, and
// take what comes; the end lets them go. A bubble ends only when they have.
func TestWorkersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w workers
		ran := make(chan int, 3*idleMax)
		gate := make(chan struct{})
		start := func(n int) {
			for i := range n {
				if !w.start(func() {
					<-gate
					ran <- i
				}) {
					t.Fatal("refused")
				}
			}
			synctest.Wait()
		}
		start(2 * idleMax)
		if n := len(w.mu.idle); n != 0 {
			t.Errorf("%d wait while all are at work", n)
		}
		close(gate)
		synctest.Wait()
		if len(ran) != 2*idleMax || len(w.mu.idle) != idleMax {
			t.Errorf("%d tasks ran, then %d wait", len(ran), len(w.mu.idle))
		}
		gate = make(chan struct{})
		start(idleMax - 1)
		if n := len(w.mu.idle); n != 1 {
			t.Errorf("%d wait: those that waited were not used", n)
		}
		ended := make(chan struct{})
		go func() {
			w.close()
			close(ended)
		}()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("ended while tasks were running")
		default:
		}
		close(gate)
		<-ended
		if len(ran) != 3*idleMax-1 {
			t.Errorf("%d tasks ran", len(ran))
		}
		if w.start(func() {}) {
			t.Error("started after the end")
		}
	})
}
