package log

import (
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// pacer holds background work to a rate.
type pacer struct {
	clock  clock.Clock
	rate   func() int64    // bytes a second, asked at each step; 0 or less: no limit
	room   func() int64    // bytes of the disk that may be taken, asked at each step; nil: not asked
	stop   <-chan struct{} // who asked for the work wants no more of it; nil: never
	closed <-chan struct{} // the log is to be closed
	since  time.Time       // what was spent before is paid for
	spent  int64           // since then
	// earned, if there is one, counts bytes that may be spent beside the rate;
	// those that are not spent at once are lost, as time is that passes idly.
	earned func() int64
	used   int64 // of earned
}

const (
	// pacerStep is how much is spent at once: short sleeps are not worth a timer.
	pacerStep = 256 << 10
	// pacerLook is the longest time in which a pacer that waits does not see that
	// the rate was changed.
	pacerLook = time.Second
)

// spend takes note of bytes, and waits if they came too fast. Errors: ErrStopped,
// ErrClosed, ErrDiskFull.
func (p *pacer) spend(bytes int64) error {
	if err := p.ended(); err != nil {
		return err
	}
	p.spent += bytes
	if rate := p.rate(); p.spent < pacerStep && (rate <= 0 || p.spent < rate) {
		return nil
	}
	if p.room != nil && p.room() < 0 {
		return fmt.Errorf("%w, but for what is kept free", ErrDiskFull)
	}
	if p.earned != nil {
		earned := p.earned()
		p.spent = max(0, p.spent-(earned-p.used))
		p.used = earned
	}
	for {
		rate, now := p.rate(), p.clock.Now()
		due := now
		if rate > 0 {
			due = p.since.Add(time.Duration(float64(p.spent) / float64(rate) * float64(time.Second)))
		}
		wait := due.Sub(now)
		if wait <= 0 {
			p.since, p.spent = now, 0
			return nil
		}
		if !clock.WaitEither(p.clock, min(wait, pacerLook), p.stop, p.closed) {
			return p.ended()
		}
		if wait <= pacerLook {
			// A timer that was late is made up for with the next step.
			p.since, p.spent = due, 0
			return nil
		}
	}
}

// ended says why the work is to end, if it is.
func (p *pacer) ended() error {
	select {
	case <-p.closed:
		return ErrClosed
	default:
	}
	select {
	case <-p.stop:
		return ErrStopped
	default:
		return nil
	}
}
