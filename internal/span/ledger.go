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
// A claim may be for a part of what its holder needs in the end, the rest
// follows as further claims. These keep the first one's place in the order. When
// all that is out belongs to holders that need more, none of them could ever end:
// then the first that waits gets all of its rest beyond the budget, and the
// others wait for that one.
//
// The owner's mutex guards it; budget never changes.
type ledger struct {
	budget  int64
	inUse   int64
	growing int64 // of inUse: held by those that need more
	tickets uint64
	served  uint64    // claims that were granted
	waiters list.List // of *waiter, in order of their tickets
}

// claim is what somebody wants of a budget.
type claim struct {
	ticket uint64 // the place in the order; 0: behind all that came before
	size   int64  // wanted now
	held   int64  // granted by earlier claims
	total  int64  // needed in the end, of which held and size are parts
}

// all is a claim for everything that its holder needs.
func all(size int64) claim { return claim{size: size, total: size} }

type waiter struct {
	claim
	granted bool // guarded by the owner's mutex, as is the claim's size
	ready   chan struct{}
}

// reserve waits for what c wants and returns it with its place and with what was
// granted: its size, or all of the rest. The caller does not hold mu. pressure,
// if not nil, is told by the goroutine that is about to wait.
func (l *ledger) reserve(ctx context.Context, mu *sync.Mutex, c claim, pressure func(int64)) (claim, error) {
	mu.Lock()
	if c.ticket == 0 {
		l.tickets++
		c.ticket = l.tickets
	}
	if l.waiters.Len() == 0 && l.fits(c.size) {
		l.take(c)
		mu.Unlock()
		return c, nil
	}
	w := &waiter{claim: c, ready: make(chan struct{})}
	e := l.enqueue(w)
	l.grant()
	waits := !w.granted
	mu.Unlock()
	if waits && pressure != nil {
		pressure(c.size)
	}

	select {
	case <-w.ready:
		return w.claim, nil
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	if w.granted {
		l.undo(w.claim)
	} else {
		l.waiters.Remove(e)
	}
	// Also when nothing came back: those behind a large head may fit.
	l.grant()
	return c, ctx.Err() //nolint:wrapcheck // The caller says what it was for.
}

// enqueue puts w in front of all that came after it.
func (l *ledger) enqueue(w *waiter) *list.Element {
	for e := l.waiters.Back(); e != nil; e = e.Prev() {
		if before, ok := e.Value.(*waiter); ok && before.ticket < w.ticket {
			return l.waiters.InsertAfter(w, e)
		}
	}
	return l.waiters.PushFront(w)
}

// take puts a claim on the account.
func (l *ledger) take(c claim) {
	l.served++
	l.inUse += c.size
	if c.held+c.size < c.total {
		l.growing += c.size
	} else {
		l.growing -= c.held
	}
}

// undo is take for somebody who has no use for it any more.
func (l *ledger) undo(c claim) {
	l.inUse -= c.size
	if c.held+c.size < c.total {
		l.growing -= c.size
	} else {
		l.growing += c.held
	}
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
		if !ok {
			return
		}
		if !l.fits(w.size) {
			if w.held == 0 || l.growing < l.inUse {
				return
			}
			w.size = w.total - w.held
		}
		l.waiters.Remove(e)
		l.take(w.claim)
		w.granted = true
		close(w.ready)
	}
}
