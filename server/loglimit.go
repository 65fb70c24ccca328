package server

import (
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// LogLimit keeps clients from filling the log: so many lines in each period.
type LogLimit struct {
	clock      clock.Clock
	most       int
	period     time.Duration
	mu         sync.Mutex
	began      time.Time // the period
	lines      int
	suppressed int
}

// NewLogLimit allows most lines in each period.
func NewLogLimit(c clock.Clock, most int, period time.Duration) *LogLimit {
	return &LogLimit{clock: c, most: most, period: period}
}

// Allow reports whether a line may be written, and how many were not since
// the last one.
func (l *LogLimit) Allow() (bool, int) {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= l.period {
		l.began, l.lines = now, 0
	}
	if l.lines >= l.most {
		l.suppressed++
		return false, 0
	}
	l.lines++
	n := l.suppressed
	l.suppressed = 0
	return true, n
}
