package log

import (
	"fmt"
	"sync"
)

// latch remembers what stopped the log: after it nothing is accepted. Most often
// it is a failed fsync. The state before it can not be had back: what the kernel
// dropped is unknown, so no later fsync proves anything. A directory that is gone
// is another: what is appended would stand in files without a name.
type latch struct {
	fatal func(error)

	mu struct {
		sync.Mutex
		err error
	}
}

// set latches. The first error is the one that is told, and it has to say by
// itself what happened: ErrLatched does not.
func (l *latch) set(err error) {
	l.mu.Lock()
	first := l.mu.err == nil
	if first {
		l.mu.err = fmt.Errorf("%w: %w", ErrLatched, err)
	}
	err = l.mu.err
	l.mu.Unlock()
	if first && l.fatal != nil {
		l.fatal(err)
	}
}

// err is nil until the log has latched.
func (l *latch) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}
