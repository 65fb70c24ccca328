package log

import "sync"

// queue is what the writer feeds on. Putting never blocks; what is queued is
// bounded by the buffers that callers hold.
//
// The writer takes everything at once by swapping slices, and is woken only
// when it sleeps: at full load putting costs a lock and a store.
type queue struct {
	wake chan struct{}

	mu struct {
		sync.Mutex
		appends []*Append
		tasks   []func()
		asleep  bool
		closed  bool // nothing more comes in
	}
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds appends that are taken together; false if the queue is closed.
func (q *queue) put(list ...*Append) bool {
	q.mu.Lock()
	if q.mu.closed {
		q.mu.Unlock()
		return false
	}
	q.mu.appends = append(q.mu.appends, list...)
	q.unlockAndWake()
	return true
}

// run has the writer call f between two groups, after everything that was put
// before; false if the queue is closed.
func (q *queue) run(f func()) bool {
	q.mu.Lock()
	if q.mu.closed {
		q.mu.Unlock()
		return false
	}
	q.mu.tasks = append(q.mu.tasks, f)
	q.unlockAndWake()
	return true
}

func (q *queue) close() {
	q.mu.Lock()
	q.mu.closed = true
	q.unlockAndWake()
}

func (q *queue) unlockAndWake() {
	asleep := q.mu.asleep
	q.mu.asleep = false
	q.mu.Unlock()
	if asleep {
		q.wake <- struct{}{}
	}
}

// take waits for work and returns all appends, and one task, or nil, that comes
// after them: appends shall wait for one task at most, however many there are.
// ok is false once the queue is closed and empty. spare's memory is used for
// what comes next.
func (q *queue) take(spare []*Append) (appends []*Append, task func(), ok bool) {
	for {
		q.mu.Lock()
		if len(q.mu.appends)+len(q.mu.tasks) > 0 {
			appends = q.mu.appends
			q.mu.appends = spare[:0]
			if len(q.mu.tasks) > 0 {
				task = q.mu.tasks[0]
				q.mu.tasks[0] = nil
				q.mu.tasks = q.mu.tasks[1:]
			}
			q.mu.Unlock()
			return appends, task, true
		}
		if q.mu.closed {
			q.mu.Unlock()
			return nil, nil, false
		}
		q.mu.asleep = true
		q.mu.Unlock()
		<-q.wake
	}
}

// length is the number of appends that wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.mu.appends)
}
