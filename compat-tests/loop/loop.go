package loop

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/observe"
)

// finishTime bounds how long workers need for what is left to copy, over what the
// broker may take to end a transaction, and to miss a worker.
const finishTime = 2 * time.Minute

// Options say how a loop works.
type Options struct {
	Name         string
	Command, Env []string // Of the workers' program.
	// Rate is the records written a second.
	Partitions, Workers, Rate int
	// Timeout is of transactions; Scan is how much later the broker may abort one that
	// is over it, and Restart how much longer that may take after a start.
	Timeout, Scan, Restart time.Duration
	Seed                   uint64
}

// Loop is a filler, workers and who looks at what they do. They go on over kills.
type Loop struct {
	o                     Options
	addr, from, to, group string
	cl                    *kgo.Client
	adm                   *kadm.Client
	stable                *observe.Stable
	filler                *filler
	input, output         *tape
	crew                  *observe.Crew
	full                  context.CancelFunc // Of the filler, and of trouble.
	filling               sync.WaitGroup

	starts, commits, aborts, crashes, zombies atomic.Int64

	mu struct {
		sync.Mutex
		last error // Why a worker ended or began again.
	}
}

// Start starts a loop on a broker.
func Start(ctx context.Context, addr string, o Options) (*Loop, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	l := &Loop{o: o, addr: addr, from: o.Name + "-in", to: o.Name + "-out", group: o.Name, cl: cl, adm: kadm.NewClient(cl)}
	for _, topic := range []string{l.from, l.to} {
		if _, err := l.adm.CreateTopic(ctx, int32(o.Partitions), 1, nil, topic); err != nil {
			cl.Close()
			return nil, err
		}
	}
	l.stable = observe.NewStable(l.adm, l.to, o.Partitions, o.Timeout+o.Scan+o.Restart)
	l.filler = newFiller(l.from, o.Partitions, o.Rate)
	l.input, l.output = newTape(l.from, o.Partitions, true), newTape(l.to, o.Partitions, false)
	l.crew, ctx = observe.NewCrew(ctx)
	var filling context.Context
	filling, l.full = context.WithCancel(ctx)
	l.filling.Add(1)
	l.crew.Run(func() error {
		defer l.filling.Done()
		return l.filler.fill(filling, addr)
	})
	workers := make([]*worker, o.Workers)
	for i := range workers {
		w := &worker{Loop: l, number: i}
		workers[i] = w
		l.crew.Run(func() error { return w.work(ctx) })
	}
	l.crew.Run(func() error { return l.trouble(filling, workers) })
	for _, t := range []*tape{l.input, l.output} {
		l.crew.Run(func() error { return observe.Committed(ctx, addr, t.topic, o.Partitions, t.take) })
	}
	l.crew.Run(func() error { return l.stable.Look(ctx) })
	return l, nil
}

// Err is what the broker did wrong so far.
func (l *Loop) Err() error { return l.crew.Err() }

// said notes why a worker ended or began again.
func (l *Loop) said(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.last = err
}

// Away says that the broker is about to be killed, or that it is back.
func (l *Loop) Away(yes bool) { l.stable.Away(yes) }

// Stop ends all.
func (l *Loop) Stop() {
	l.crew.End()
	l.cl.Close()
}

// Finish writes no more, waits until all is copied, and has another observer read
// everything again.
func (l *Loop) Finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, finishTime+l.o.Timeout+l.o.Scan+sessionTimeout)
	defer cancel()
	l.full()
	l.filling.Wait()
	counts := l.filler.counts()
	if err := l.await(ctx, "the input is read", func() error { return l.input.reached(counts) }); err != nil {
		return err
	}
	if err := l.input.check(counts); err != nil {
		return err
	}
	if err := l.await(ctx, "all is copied", func() error { return l.copied(ctx, counts) }); err != nil {
		return err
	}
	var ends []int64
	if err := l.await(ctx, "no transaction is open", func() (err error) {
		ends, err = l.stable.Settled(ctx)
		return err
	}); err != nil {
		return err
	}
	again := newTape(l.to, l.o.Partitions, false)
	l.crew.Run(func() error { return observe.Committed(ctx, l.addr, l.to, l.o.Partitions, again.take) })
	for _, t := range []*tape{l.output, again} {
		if err := l.await(ctx, "the output is read", func() error { return t.reached(ends) }); err != nil {
			return err
		}
		if err := t.check(counts); err != nil {
			return err
		}
	}
	return l.Err()
}

// copied tells whether the group has committed all of the input.
func (l *Loop) copied(ctx context.Context, counts []int64) error {
	offsets, err := l.adm.FetchOffsets(ctx, l.group)
	if err != nil {
		return err
	}
	for p, count := range counts {
		if o, ok := offsets.Lookup(l.from, int32(p)); !ok || o.At != count {
			return fmt.Errorf("%s: partition %d is copied to %d of %d", l.from, p, o.At, count)
		}
	}
	return nil
}

// await tries until there is no error.
func (l *Loop) await(ctx context.Context, what string, try func() error) error {
	err := l.crew.Await(ctx, what, try)
	if err == nil || l.Err() != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Errorf("%s: %w; what happened last to a worker: %w", l.o.Name, err, l.mu.last)
}

// Story says what was done so far.
func (l *Loop) Story() string {
	return fmt.Sprintf("%s: %d records written, %d of them copied by %d transactions, %d began again; %d workers crashed, %d were zombies, programs started %d times; a stable offset stood still for %v at most",
		l.o.Name, l.input.count(), l.output.count(), l.commits.Load(), l.aborts.Load(), l.crashes.Load(), l.zombies.Load(), l.starts.Load(), l.stable.Longest().Round(time.Millisecond))
}
