package bank

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/observe"
)

// Options say how a bank works.
type Options struct {
	Topic              string
	Partitions, Clerks int
	// Timeout is of transactions; Scan is how much later the broker may abort one that
	// is over it, and Restart how much longer that may take after a start.
	Timeout, Scan, Restart time.Duration
	Seed                   uint64
}

// Bank is the clerks, an observer and who looks at the last stable offsets. They go
// on over kills.
type Bank struct {
	o      Options
	addr   string
	books  *Books
	reader *Reader
	stable *observe.Stable
	cl     *kgo.Client
	adm    *kadm.Client
	crew   *observe.Crew
	gate   sync.RWMutex // Clerks hold it for reading during a transfer.
	// waits is held by the one clerk that comes too late. If all could, all would soon, and
	// the broker would have little to do when it is killed.
	waits sync.Mutex

	commits        *commits
	zombies, lates atomic.Int64

	life struct {
		sync.Mutex
		away bool
		back time.Time // When the broker was started again last.
	}
}

// patience is how long the broker may need for any one thing while it is up.
func (o *Options) patience() time.Duration { return o.Timeout + o.Scan + o.Restart }

// Start opens a bank on a broker, with its gate closed.
func Start(ctx context.Context, addr string, o Options) (*Bank, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	b := &Bank{o: o, addr: addr, books: newBooks(), commits: newCommits(), cl: cl, adm: kadm.NewClient(cl)}
	if _, err := b.adm.CreateTopic(ctx, int32(o.Partitions), 1, nil, o.Topic); err != nil {
		cl.Close()
		return nil, err
	}
	b.reader = newReader(b.books, o.Partitions)
	b.stable = observe.NewStable(b.adm, o.Topic, o.Partitions, o.patience())
	b.crew, ctx = observe.NewCrew(ctx)
	b.Pause()
	for i := range o.Clerks {
		c := &clerk{Bank: b, number: i, rng: rand.New(rand.NewPCG(o.Seed, uint64(i)))}
		b.crew.Run(func() error { return c.work(ctx) })
	}
	b.crew.Run(func() error { return b.observe(ctx, b.reader) })
	b.crew.Run(func() error { return b.stable.Look(ctx) })
	return b, nil
}

// Err is what the broker did wrong so far.
func (b *Bank) Err() error { return b.crew.Err() }

// Pause waits until no transfer is under way, and lets none begin.
func (b *Bank) Pause() { b.gate.Lock() }

// Resume lets the clerks work.
func (b *Bank) Resume() { b.gate.Unlock() }

// Killing says that the broker is about to be killed.
func (b *Bank) Killing() {
	b.away(true)
	b.commits.killing()
}

// Killed says that the broker is dead.
func (b *Bank) Killed() { b.commits.killed() }

// Back says that the broker was started again.
func (b *Bank) Back() { b.away(false) }

func (b *Bank) away(yes bool) {
	b.stable.Away(yes)
	b.life.Lock()
	defer b.life.Unlock()
	b.life.away, b.life.back = yes, time.Now()
}

// up is for how long the broker has been up since a time, without a break.
func (b *Bank) up(since time.Time) time.Duration {
	b.life.Lock()
	defer b.life.Unlock()
	switch {
	case b.life.away:
		return 0
	case since.Before(b.life.back):
		since = b.life.back
	}
	return time.Since(since)
}

// Stop ends all; the bank is not paused then.
func (b *Bank) Stop() {
	b.crew.End()
	b.cl.Close()
}

// Verify compares what was read with what the clerks know, while the bank is paused;
// a whole one also has another observer read everything again.
func (b *Bank) Verify(ctx context.Context, whole bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+b.o.Timeout+b.o.Scan)
	defer cancel()
	var ends []int64
	if err := b.crew.Await(ctx, "no transaction is open", func() (err error) {
		ends, err = b.stable.Settled(ctx)
		return err
	}); err != nil {
		return err
	}
	if err := b.crew.Await(ctx, "the observer has read all", func() error { return b.reader.reached(ends) }); err != nil {
		return err
	}
	if err := b.reader.check(); err != nil || !whole {
		return err
	}
	again := newReader(b.books, b.o.Partitions)
	stop, end := context.WithCancel(ctx)
	defer end()
	b.crew.Run(func() error { return b.observe(stop, again) })
	if err := b.crew.Await(ctx, "another observer has read all", func() error { return again.reached(ends) }); err != nil {
		return err
	}
	return errors.Join(again.check(), b.reader.agrees(again))
}

// Story says what was done so far.
func (b *Bank) Story() string {
	yes, no, unknown := b.books.Counts()
	return fmt.Sprintf("%d transfers committed, %d aborted, %d asked for without an answer; %d zombies and %d late commits refused; a stable offset stood still for %v at most",
		yes, no, unknown, b.zombies.Load(), b.lates.Load(), b.stable.Longest().Round(time.Millisecond))
}

// Met is how many kills met commits without an answer, and how many commits that were.
func (b *Bank) Met() (kills, met int) { return b.commits.count() }
