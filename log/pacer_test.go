package log

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// pacing is a pacer under test, and its clock.
type pacing struct {
	*pacer

	clock *clock.Manual
	rate  atomic.Int64
	done  chan error
	stop  chan struct{}
	close chan struct{}
}

func newPacing(rate int64) *pacing {
	p := &pacing{
		clock: clock.NewManual(time.UnixMilli(1_700_000_000_000)), done: make(chan error),
		stop: make(chan struct{}), close: make(chan struct{}),
	}
	p.rate.Store(rate)
	p.pacer = &pacer{clock: p.clock, rate: p.rate.Load, stop: p.stop, closed: p.close, since: p.clock.Now()}
	return p
}

// takes spends, and tells how long that took.
func (p *pacing) takes(t *testing.T, bytes int64, meanwhile func(time.Duration)) time.Duration {
	t.Helper()
	begin := p.clock.Now()
	go func() { p.done <- p.spend(bytes) }()
	for {
		took := p.clock.Now().Sub(begin)
		select {
		case err := <-p.done:
			if err != nil {
				t.Error(err)
			}
			return took
		default:
			if p.clock.Pending() > 0 { // it waits: no time passes before
				meanwhile(took)
				p.clock.Advance(50 * time.Millisecond)
			}
			runtime.Gosched()
		}
	}
}

func quietly(time.Duration) {}

// The pacer spends no more than its rate.
func TestPacer(t *testing.T) {
	t.Parallel()
	p := newPacing(1 << 20)
	if err := p.spend(100); err != nil { // it would wait for ever: nobody moves the clock
		t.Fatal(err)
	}
	if took := p.takes(t, 2<<20, quietly); took < 2*time.Second {
		t.Errorf("2 MiB at 1 MiB/s took %v", took)
	}
}

// A pacer that waits is let go, and says who did it.
func TestPacerEnds(t *testing.T) {
	t.Parallel()
	p := newPacing(1)
	go func() { p.done <- p.spend(64 << 20) }()
	close(p.stop)
	if err := <-p.done; !errors.Is(err, ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
	p = newPacing(1)
	go func() { p.done <- p.spend(64 << 20) }()
	close(p.close)
	if err := <-p.done; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := p.spend(1); !errors.Is(err, ErrClosed) {
		t.Errorf("a little, closed: %v", err)
	}
}

// Whoever waits hears of another rate: one that was too low by mistake would
// have it wait for days.
func TestPacerChangesRate(t *testing.T) {
	t.Parallel()
	p := newPacing(1)
	took := p.takes(t, 1<<20, func(took time.Duration) {
		if took > 10*time.Second {
			p.rate.Store(1 << 20)
		}
	})
	if took < 10*time.Second || took > 24*time.Hour {
		t.Errorf("it took %v", took)
	}
	p.rate.Store(0)
	for range 8 {
		if err := p.spend(64 << 20); err != nil { // it would wait for ever
			t.Fatal(err)
		}
	}
	p.rate.Store(1 << 20)
	if took := p.takes(t, 1<<20, quietly); took < time.Second {
		t.Errorf("1 MiB at 1 MiB/s after a time without a limit took %v", took)
	}
}

// Beside the rate the pacer spends what is earned meanwhile, and nothing that
// was earned while there was nothing to do.
func TestPacerEarns(t *testing.T) {
	t.Parallel()
	p, earned := newPacing(1<<20), int64(64<<20)
	p.earned, p.used = func() int64 { return earned }, earned
	for range 8 {
		earned += 1 << 20
		if err := p.spend(1 << 20); err != nil { // it would wait for ever: nobody moves the clock
			t.Fatal(err)
		}
	}
	earned += 64 << 20
	if err := p.spend(pacerStep); err != nil { // takes what was earned meanwhile, and loses the most of it
		t.Fatal(err)
	}
	if took := p.takes(t, 1<<20, quietly); took < time.Second {
		t.Errorf("1 MiB at 1 MiB/s took %v", took)
	}
}
