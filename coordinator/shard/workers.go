package shard

import "sync"

// workers counts the goroutines of all shards, so that Close can wait for them.
type workers struct {
	mu struct {
		sync.Mutex
		closed bool
	}
	running sync.WaitGroup
}

// start runs f in its own goroutine, or reports that the coordinator is closed.
func (w *workers) start(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return false
	}
	w.running.Go(f)
	return true
}

func (w *workers) close() {
	w.mu.Lock()
	w.mu.closed = true
	w.mu.Unlock()
	w.running.Wait()
}
