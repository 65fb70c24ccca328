package shard

import (
	"slices"
	"sync"
)

// idleMax is how many goroutines wait for their next task. More are started when
// more shards are at work at once, and end when they are done.
const idleMax = 16

// workers are the goroutines of all shards, which Close waits for. One that is
// done waits for its next task: what a shard does needs a deeper stack than a
// goroutine begins with, and to grow it anew for each task took a part of what
// small commits cost. None is there before the first task.
type workers struct {
	mu struct {
		sync.Mutex
		closed bool
		idle   []chan func() // the last has waited least: its stack is in the caches
	}
	running sync.WaitGroup
}

// start runs task in a goroutine of its own, or reports that the coordinator is
// closed. It never blocks.
func (w *workers) start(task func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return false
	}
	if last := len(w.mu.idle) - 1; last >= 0 {
		w.mu.idle[last] <- task // there is room: it waits for one only
		w.mu.idle = slices.Delete(w.mu.idle, last, last+1)
		return true
	}
	w.running.Go(func() { w.work(task) })
	return true
}

// work runs a task, and those that come after it.
func (w *workers) work(task func()) {
	tasks := make(chan func(), 1)
	for more := true; more; task, more = <-tasks {
		task()
		if !w.rest(tasks) {
			return
		}
	}
}

// rest reports whether a goroutine is to wait for another task.
func (w *workers) rest(tasks chan func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed || len(w.mu.idle) == idleMax {
		return false
	}
	w.mu.idle = append(w.mu.idle, tasks)
	return true
}

// close lets those that wait go, and waits for the others.
func (w *workers) close() {
	w.mu.Lock()
	w.mu.closed = true
	for _, tasks := range w.mu.idle {
		close(tasks)
	}
	w.mu.idle = nil
	w.mu.Unlock()
	w.running.Wait()
}
