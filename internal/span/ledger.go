package span

import (
	"container/list"
	"context"
	"sync"
)

// ledger is the account of a budget in bytes: what is out, and who waits.
// Waiting is first come, first served: a large claim is not overtaken for ever
// by small ones. A claim larger than the whole budget is granted alone, so that
// it can always pass.
//
// The owner's mutex guards it; budget never changes.
type ledger struct {
	budget  int64
	inUse   int64
	waiters list.List // of *waiter, in order of arrival
}

type waiter struct {
	size    int64
	granted bool // guarded by the owner's mutex
	ready   chan struct{}
}

// reserve waits for size bytes of the budget. The caller does not hold mu.
// pressure, if not nil, is told by the goroutine that is about to wait.
func (l *ledger) reserve(ctx context.Context, mu *sync.Mutex, size int64, pressure func(int64)) error {
	mu.Lock()
	if l.waiters.Len() == 0 && l.fits(size) {
		l.inUse += size
		mu.Unlock()
		return nil
	}
	w := &waiter{size: size, ready: make(chan struct{})}
	e := l.waiters.PushBack(w)
	mu.Unlock()
	if pressure != nil {
		pressure(size)
	}

	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	if w.granted {
		l.inUse -= size
	} else {
		l.waiters.Remove(e)
	}
	// Also when nothing came back: those behind a large head may fit.
	l.grant()
	return ctx.Err() //nolint:wrapcheck // The caller says what it was for.
}

// giveBack takes size bytes off the account and serves who waits.
func (l *ledger) giveBack(size int64) {
	l.inUse -= size
	l.grant()
}

func (l *ledger) fits(size int64) bool {
	return l.inUse == 0 || l.inUse+size <= l.budget
}

// grant serves waiters in order until one does not fit.
func (l *ledger) grant() {
	for e := l.waiters.Front(); e != nil; e = l.waiters.Front() {
		w, ok := e.Value.(*waiter)
		if !ok || !l.fits(w.size) {
			return
		}
		l.waiters.Remove(e)
		l.inUse += w.size
		w.granted = true
		close(w.ready)
	}
}
