package log

import (
	"fmt"
	"sync"
)

// latch remembers the failed fsync after which the log accepts nothing. Its
// state before the failure can not be had back: what the kernel dropped is
// unknown, so no later fsync proves anything.
type latch struct {
	fatal func(error)

	mu struct {
		sync.Mutex
		err error
	}
}

// set latches; the first error is the one that is told.
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
