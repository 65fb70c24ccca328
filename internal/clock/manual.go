package clock

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Manual is a Clock that stands still until it is moved. Timers fire in the
// order of their time, those of one time in the order in which they were set,
// and the clock shows a timer's own time while it fires; so a test that moves
// it from one goroutine is deterministic.
type Manual struct {
	mu struct {
		sync.Mutex
		now     time.Time
		seq     uint64
		pending []*manualTimer // in firing order
		changed chan struct{}  // closed and replaced when a timer is set
	}
}

// NewManual returns a clock that shows start.
func NewManual(start time.Time) *Manual {
	m := &Manual{}
	m.mu.now = start.Round(0) // without a monotonic reading it compares by what it shows
	m.mu.changed = make(chan struct{})
	return m
}

// Now implements Clock.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.now
}

// AfterFunc implements Clock; f is called inside the Advance or Set that
// reaches its time, without locks, and may use the clock but not move it.
func (m *Manual) AfterFunc(d time.Duration, f func()) Timer {
	t := &manualTimer{clock: m, fire: func(time.Time) { f() }}
	t.Reset(d)
	return t
}

// NewTimer implements Clock.
func (m *Manual) NewTimer(d time.Duration) ChanTimer {
	c := make(chan time.Time, 1)
	t := &manualChanTimer{c: c}
	t.manualTimer = manualTimer{clock: m, fire: func(now time.Time) {
		select {
		case c <- now:
		default:
		}
	}}
	t.Reset(d)
	return t
}

// Advance moves the clock by d and fires what falls due on the way; also what
// that sets anew. Advance(0) fires what is due now.
func (m *Manual) Advance(d time.Duration) { m.forward(m.Now().Add(d)) }

// Set moves the clock to t as Advance does. A t in the past is a step of the
// wall clock: nothing fires, and pending timers keep their distance.
func (m *Manual) Set(t time.Time) {
	m.mu.Lock()
	back := t.Sub(m.mu.now)
	if back < 0 {
		for _, p := range m.mu.pending {
			p.when = p.when.Add(back)
		}
		m.mu.now = t
	}
	m.mu.Unlock()
	if back >= 0 {
		m.forward(t)
	}
}

// Next is the time of the next pending timer.
func (m *Manual) Next() (t time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mu.pending) == 0 {
		return time.Time{}, false
	}
	return m.mu.pending[0].when, true
}

// Pending is the number of timers that wait to fire.
func (m *Manual) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.mu.pending)
}

// AwaitPending blocks until at least n timers are pending: how a test knows
// that a goroutine has come to its timer.
func (m *Manual) AwaitPending(n int) {
	for {
		m.mu.Lock()
		have, changed := len(m.mu.pending), m.mu.changed
		m.mu.Unlock()
		if have >= n {
			return
		}
		<-changed
	}
}

func (m *Manual) forward(to time.Time) {
	for {
		t, now := m.popDue(to)
		if t == nil {
			return
		}
		t.fire(now)
	}
}

// popDue removes the first timer that is due at to and shows its time, or
// shows to.
func (m *Manual) popDue(to time.Time) (*manualTimer, time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mu.pending) > 0 && !m.mu.pending[0].when.After(to) {
		t := m.mu.pending[0]
		m.mu.pending = slices.Delete(m.mu.pending, 0, 1)
		if t.when.After(m.mu.now) {
			m.mu.now = t.when
		}
		return t, m.mu.now
	}
	if to.After(m.mu.now) {
		m.mu.now = to
	}
	return nil, m.mu.now
}

// manualTimer is pending while it stands in its clock's list.
type manualTimer struct {
	clock *Manual
	fire  func(now time.Time)
	when  time.Time // guarded by the clock's mutex
	seq   uint64    // guarded by the clock's mutex
}

// Stop implements Timer.
func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.stopLocked()
}

// Reset implements Timer.
func (t *manualTimer) Reset(d time.Duration) bool {
	m := t.clock
	m.mu.Lock()
	defer m.mu.Unlock()
	was := t.stopLocked()
	m.mu.seq++
	t.seq, t.when = m.mu.seq, m.mu.now.Add(max(d, 0))
	at, _ := slices.BinarySearchFunc(m.mu.pending, t, compareTimers)
	m.mu.pending = slices.Insert(m.mu.pending, at, t)
	close(m.mu.changed)
	m.mu.changed = make(chan struct{})
	return was
}

func (t *manualTimer) stopLocked() bool {
	m := t.clock
	at := slices.Index(m.mu.pending, t)
	if at < 0 {
		return false
	}
	m.mu.pending = slices.Delete(m.mu.pending, at, at+1)
	return true
}

func compareTimers(a, b *manualTimer) int {
	return cmp.Or(a.when.Compare(b.when), cmp.Compare(a.seq, b.seq))
}

// manualChanTimer reports on a channel and, like the real one since Go 1.23,
// never delivers a stale time after Stop or Reset.
type manualChanTimer struct {
	manualTimer
	c chan time.Time
}

// C implements ChanTimer.
func (t *manualChanTimer) C() <-chan time.Time { return t.c }

// Stop implements Timer.
func (t *manualChanTimer) Stop() bool {
	was := t.manualTimer.Stop()
	t.drain()
	return was
}

// Reset implements Timer.
func (t *manualChanTimer) Reset(d time.Duration) bool {
	was := t.manualTimer.Stop()
	t.drain()
	t.manualTimer.Reset(d)
	return was
}

func (t *manualChanTimer) drain() {
	select {
	case <-t.c:
	default:
	}
}
