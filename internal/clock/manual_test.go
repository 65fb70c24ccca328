package clock

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// record returns a function that notes a name and the time it was called at.
func record(m *Manual, log *[]string, name string) func() {
	return func() { *log = append(*log, fmt.Sprintf("%s@%v", name, m.Now().Sub(start))) }
}

func wantLog(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("fired %q, want %q", got, want)
	}
}

func TestTimersFireInOrderAtTheirTime(t *testing.T) {
	m := NewManual(start)
	var log []string
	m.AfterFunc(3*time.Second, record(m, &log, "c"))
	m.AfterFunc(time.Second, record(m, &log, "a"))
	m.AfterFunc(3*time.Second, record(m, &log, "d"))
	m.AfterFunc(2*time.Second, record(m, &log, "b"))
	m.AfterFunc(9*time.Second, record(m, &log, "late"))
	m.Advance(500 * time.Millisecond)
	wantLog(t, log)
	m.Advance(4 * time.Second)
	wantLog(t, log, "a@1s", "b@2s", "c@3s", "d@3s")
	if got := m.Now().Sub(start); got != 4500*time.Millisecond {
		t.Fatalf("the clock shows %v", got)
	}
	if next, ok := m.Next(); !ok || next.Sub(start) != 9*time.Second || m.Pending() != 1 {
		t.Fatalf("next timer %v, %v", next, ok)
	}
}

func TestTimersSetWhileFiring(t *testing.T) {
	m := NewManual(start)
	var log []string
	m.AfterFunc(time.Second, func() {
		record(m, &log, "first")()
		m.AfterFunc(time.Second, record(m, &log, "second"))
		m.AfterFunc(0, record(m, &log, "at once"))
		m.AfterFunc(time.Hour, record(m, &log, "never"))
	})
	m.Advance(5 * time.Second)
	wantLog(t, log, "first@1s", "at once@1s", "second@2s")
}

func TestDueTimerWaitsForTheNextMove(t *testing.T) {
	m := NewManual(start)
	var log []string
	m.AfterFunc(-time.Second, record(m, &log, "x"))
	wantLog(t, log)
	m.Advance(0)
	wantLog(t, log, "x@0s")
	if _, ok := m.Next(); ok {
		t.Fatal("a fired timer is still pending")
	}
}

func TestStopAndReset(t *testing.T) {
	m := NewManual(start)
	var log []string
	timer := m.AfterFunc(time.Second, record(m, &log, "x"))
	if !timer.Stop() || timer.Stop() {
		t.Fatal("Stop reports wrongly whether the timer was pending")
	}
	m.Advance(2 * time.Second)
	wantLog(t, log)
	if timer.Reset(time.Second) {
		t.Fatal("a stopped timer was pending")
	}
	if !timer.Reset(3 * time.Second) {
		t.Fatal("a set timer was not pending")
	}
	m.Advance(2 * time.Second)
	wantLog(t, log)
	m.Advance(time.Second)
	wantLog(t, log, "x@5s")
	if timer.Stop() {
		t.Fatal("a fired timer was pending")
	}
}

func TestChannelTimer(t *testing.T) {
	m := NewManual(start)
	timer := m.NewTimer(time.Second)
	m.Advance(time.Minute)
	if got := (<-timer.C()).Sub(start); got != time.Second {
		t.Fatalf("channel delivered %v", got)
	}
	timer.Reset(time.Second)
	m.Advance(time.Second)
	timer.Reset(time.Second) // nothing stale may be left in the channel
	select {
	case at := <-timer.C():
		t.Fatalf("stale time %v", at)
	default:
	}
	m.Advance(time.Second)
	if timer.Stop() {
		t.Fatal("a fired timer was pending")
	}
	select {
	case at := <-timer.C():
		t.Fatalf("stale time %v after Stop", at)
	default:
	}
}

func TestSetBackIsAStepOfTheWallClock(t *testing.T) {
	m := NewManual(start)
	var log []string
	m.AfterFunc(10*time.Second, record(m, &log, "x"))
	m.Set(start.Add(-time.Hour))
	wantLog(t, log)
	m.Advance(9 * time.Second)
	wantLog(t, log)
	m.Set(start)
	wantLog(t, log, "x@-59m50s")
}

func TestAwaitPending(t *testing.T) {
	m := NewManual(start)
	done := make(chan time.Time)
	go func() { done <- <-m.NewTimer(time.Second).C() }()
	m.AwaitPending(1)
	m.Advance(time.Second)
	if got := <-done; !got.Equal(start.Add(time.Second)) {
		t.Fatalf("woken at %v", got)
	}
}

func TestRealClockKeepsTheContract(t *testing.T) {
	var c Clock = Real{}
	before := c.Now()
	fired := make(chan struct{})
	c.AfterFunc(0, func() { close(fired) })
	<-fired
	timer := c.NewTimer(time.Hour)
	if !timer.Stop() {
		t.Fatal("a new timer was not pending")
	}
	timer.Reset(0)
	if at := <-timer.C(); at.Before(before) {
		t.Fatalf("timer fired at %v, before %v", at, before)
	}
}
