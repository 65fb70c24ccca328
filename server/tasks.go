package server

import "sync"

// tasks are the server's short goroutines, so that Close can wait for them.
type tasks struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// start runs f in a goroutine of its own, or reports that the server is closed.
func (t *tasks) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.running.Go(f)
	return true
}

// run has f run in a goroutine of its own; once the server is closed the caller runs
// it, so that nobody is kept from anything.
func (t *tasks) run(f func()) {
	if !t.start(f) {
		f()
	}
}

// begin counts what runs in a goroutine of somebody else's until end, or reports
// that the server is closed.
func (t *tasks) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.running.Add(1)
	}
	return !t.closed
}

func (t *tasks) end() { t.running.Done() }

func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.running.Wait()
}
