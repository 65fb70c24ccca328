package loop

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"
)

const (
	// troubleEvery is how often a worker gets into trouble.
	troubleEvery = 15 * time.Second
	// zombieTime is longer than a session: who is stopped for it has lost its partitions
	// to another worker, and does not know.
	zombieTime = sessionTimeout + 2*time.Second
)

// trouble has a worker crash, or come back as a zombie, in turn, until it is told to stop.
func (l *Loop) trouble(ctx context.Context, workers []*worker) error {
	rng := rand.New(rand.NewPCG(l.o.Seed, 2))
	for crash := true; wait(ctx, troubleEvery); crash = !crash {
		p := workers[rng.IntN(len(workers))].now.Load()
		switch {
		case p == nil:
		case crash:
			l.crashes.Add(1)
			p.Kill()
		case p.Signal(syscall.SIGSTOP) == nil: // else it has just ended by itself
			l.zombies.Add(1)
			wait(ctx, zombieTime)
			_ = p.Signal(syscall.SIGCONT) // it may have been killed by now, as all ends
		}
	}
	return nil
}

// wait waits for a time, and tells whether that went by before all ends.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
