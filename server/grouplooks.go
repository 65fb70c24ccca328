package server

import (
	"context"
	"sync"

	"github.com/mainstem-mq/mainstem/coordinator"
)

// looks are looks at all groups. One is under way at a time; who asks meanwhile
// shares the next one with all others who do, and so sees what it did before.
type looks struct {
	look  func() ([]coordinator.GroupView, error)
	start func(run func()) bool // in a goroutine; false: no more

	mu      sync.Mutex
	running bool
	next    *look // nil: nobody waits
}

type look struct {
	done  chan struct{}
	views []coordinator.GroupView // not to be changed
	err   error
}

// all are the groups as of a look that begins now or later. The views are others' too.
func (l *looks) all(ctx context.Context) ([]coordinator.GroupView, error) {
	l.mu.Lock()
	if l.next == nil {
		l.next = &look{done: make(chan struct{})}
	}
	mine := l.next
	if !l.running {
		l.running = l.start(l.run)
	}
	started := l.running
	l.mu.Unlock()
	if !started {
		return nil, errStopping()
	}
	select {
	case <-mine.done:
		return mine.views, mine.err
	case <-ctx.Done():
		return nil, errAskerGone()
	}
}

// run looks until nobody waits.
func (l *looks) run() {
	for {
		l.mu.Lock()
		now := l.next
		l.next, l.running = nil, now != nil
		l.mu.Unlock()
		if now == nil {
			return
		}
		now.views, now.err = l.look()
		close(now.done)
	}
}
