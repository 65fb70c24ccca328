package server

import "sync"

// turnQueue keeps the order of a connection's transactional requests of one kind,
// while some of them wait for the coordinator.
type turnQueue struct {
	mu      sync.Mutex
	line    []*turn
	running bool // somebody works it off
}

// turn is a request in line.
type turn struct {
	run   func()
	ready bool
	left  bool // the connection's reader has gone on, and works nothing off any more
}

func (q *turnQueue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.running && len(q.line) == 0
}

// wait puts a request in line. ask must see to it that ready is called once, now or
// later, from any goroutine. Only the connection's reader calls it.
func (q *turnQueue) wait(t *turn, all *tasks, ask func(ready func())) {
	q.mu.Lock()
	q.line = append(q.line, t)
	q.mu.Unlock()
	ask(func() {
		q.mu.Lock()
		t.ready = true
		mine := t.left && q.takeLocked()
		q.mu.Unlock()
		if mine {
			all.run(q.work)
		}
	})
	q.mu.Lock()
	t.left = true
	mine := q.takeLocked()
	q.mu.Unlock()
	if mine {
		q.work()
	}
}

// takeLocked makes the caller work the queue off, if there is something to do and
// nobody does.
func (q *turnQueue) takeLocked() bool {
	if q.running || len(q.line) == 0 || !q.line[0].ready {
		return false
	}
	q.running = true
	return true
}

func (q *turnQueue) work() {
	for {
		q.mu.Lock()
		if len(q.line) == 0 || !q.line[0].ready {
			q.running = false
			q.mu.Unlock()
			return
		}
		t := q.line[0]
		q.line[0] = nil
		q.line = q.line[1:]
		q.mu.Unlock()
		t.run()
	}
}
