package server

import (
	"strings"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
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

// strangers are the clients that asked for a version that is not served: the first
// time of each is worth a line, however many lines others have caused. They are no
// more than strangersMax, as clients choose what they are called.
type strangers struct {
	mu   sync.Mutex
	seen map[strangeRequest]struct{}
}

type strangeRequest struct {
	clientID string
	key      protocol.Key
	version  int16
}

// first reports whether there was none of the kind before.
func (s *strangers) first(h *protocol.RequestHeader) bool {
	r := strangeRequest{strangerName(h.ClientID), h.Key, h.Version}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, again := s.seen[r]
	if again || len(s.seen) >= strangersMax {
		return false
	}
	if s.seen == nil {
		s.seen = map[strangeRequest]struct{}{}
	}
	s.seen[r] = struct{}{}
	return true
}

// strangerNameMax bounds what of a client's id is kept.
const strangerNameMax = 100

// strangerName is what is kept of a client's id: a copy, as a part of it would keep the
// whole, which may have 32 KiB.
func strangerName(clientID string) string {
	return strings.Clone(clientID[:min(len(clientID), strangerNameMax)])
}
