package clock

import "time"

// Clock tells the time and makes timers.
type Clock interface {
	// Now is the wall clock with a monotonic reading.
	Now() time.Time
	// AfterFunc calls f in its own goroutine (Real) or inside Advance (Manual)
	// once d has passed; d <= 0 means at the next opportunity.
	AfterFunc(d time.Duration, f func()) Timer
	// NewTimer returns a timer whose channel receives once d has passed.
	NewTimer(d time.Duration) ChanTimer
}

// Timer can be stopped or moved; Stop and Reset report whether it was pending.
type Timer interface {
	Stop() bool
	Reset(d time.Duration) bool
}

// ChanTimer is a Timer that reports on a channel.
type ChanTimer interface {
	Timer
	C() <-chan time.Time
}

// Wait returns true once d has passed, and false if stop is closed before.
func Wait(c Clock, d time.Duration, stop <-chan struct{}) bool { return WaitEither(c, d, stop, nil) }

// WaitEither is Wait with two that may end it. A nil channel never does.
func WaitEither(c Clock, d time.Duration, stop, other <-chan struct{}) bool {
	t := c.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-stop:
		return false
	case <-other:
		return false
	}
}

// Real is the operating system's clock.
type Real struct{}

// Now implements Clock.
func (Real) Now() time.Time { return time.Now() }

// AfterFunc implements Clock.
func (Real) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// NewTimer implements Clock.
func (Real) NewTimer(d time.Duration) ChanTimer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ *time.Timer }

func (t realTimer) C() <-chan time.Time { return t.Timer.C }
