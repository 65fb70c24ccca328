package bank

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// askTime bounds what a clerk waits for, which is longer than a broker is away.
const askTime = 30 * time.Second

// clerk makes transfers, one after the other.
type clerk struct {
	*Bank
	number int
	n      int64
	rng    *rand.Rand
	cl     *kgo.Client
}

// id is transactional.
func (c *clerk) id() string { return fmt.Sprintf("%s-clerk-%d", c.o.Topic, c.number) }

// dial makes a client with or without an epoch for each transaction (KIP-890), whatever
// the one before was.
func (c *clerk) dial() (*kgo.Client, error) {
	versions := kversion.Stable()
	if c.rng.IntN(2) == 0 {
		versions = kversion.V3_9_0()
	}
	return kgo.NewClient(
		kgo.MaxVersions(versions),
		kgo.SeedBrokers(c.addr),
		kgo.TransactionalID(c.id()),
		kgo.TransactionTimeout(c.o.Timeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	)
}

// takeOver makes another client with the clerk's id, which ends what the one before
// left open, and returns that one. A broker that still refuses it when
// the patience is over has forgotten what is to be ended.
func (c *clerk) takeOver(ctx context.Context) (before *kgo.Client, err error) {
	for begun := time.Now(); ; {
		cl, err := c.dial()
		if err != nil {
			return nil, err
		}
		ask, cancel := context.WithTimeout(ctx, askTime)
		_, _, err = cl.ProducerID(ask)
		cancel()
		if err == nil {
			before, c.cl = c.cl, cl
			return before, nil
		}
		cl.Close() // The broker is away: a new client asks anew.
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if up := c.up(begun); up > c.o.patience() {
			return nil, fmt.Errorf("it gets no producer from a broker that has been up for %v: %w", up.Round(time.Millisecond), err)
		}
	}
}

// renew goes on with another client after an error.
func (c *clerk) renew(ctx context.Context) error {
	before, err := c.takeOver(ctx)
	if before != nil {
		before.Close()
	}
	return err
}

// work makes transfers until it is told to stop, or finds the broker wrong.
func (c *clerk) work(ctx context.Context) error {
	err := c.renew(ctx)
	defer func() {
		if c.cl != nil {
			c.cl.Close()
		}
	}()
	for err == nil && ctx.Err() == nil {
		err = c.transfer(ctx)
	}
	return c.failed(ctx, err)
}

// failed names the clerk in an error, which is none if it was told to stop.
func (c *clerk) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	default:
		return fmt.Errorf("clerk %d: %w", c.number, err)
	}
}

func (c *clerk) transfer(ctx context.Context) error {
	c.gate.RLock()
	defer c.gate.RUnlock()
	if ctx.Err() != nil {
		return nil
	}
	c.n++
	t := transfer{c.number, c.n}
	c.books.set(t, open)
	if err := c.cl.BeginTransaction(); err != nil {
		return err
	}
	if err := produce(ctx, c.cl, c.legs(t)).FirstErr(); err != nil {
		c.books.set(t, aborted)
		return c.renew(ctx)
	}
	switch dice := c.rng.IntN(100); {
	case dice < 70:
		return c.commit(ctx, t)
	case dice < 85:
		return c.abort(ctx, t)
	case dice < 97:
		return c.zombie(ctx, t)
	case c.waits.TryLock():
		defer c.waits.Unlock()
		return c.late(ctx, t)
	default:
		return c.commit(ctx, t)
	}
}

// legs are a transfer's records: what leaves an account comes to others.
func (c *clerk) legs(t transfer) []*kgo.Record {
	n, sum := 2+c.rng.IntN(4), int64(0)
	rs := make([]*kgo.Record, n)
	for i := range rs {
		amount := int64(c.rng.IntN(1000))
		if i == n-1 {
			amount = -sum
		}
		sum += amount
		rs[i] = &kgo.Record{
			Topic: c.o.Topic, Partition: int32(c.rng.IntN(c.o.Partitions)),
			Value: entry{t, i, n, amount}.encode(),
		}
	}
	return rs
}

// produce writes records. After its time it closes the client, which by itself never gives
// up what may have got to the broker, whatever its context says.
func produce(ctx context.Context, cl *kgo.Client, rs []*kgo.Record) kgo.ProduceResults {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	defer context.AfterFunc(ctx, cl.Close)()
	return cl.ProduceSync(ctx, rs...)
}

func (c *clerk) end(ctx context.Context, cl *kgo.Client, try kgo.TransactionEndTry) error {
	ask, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return cl.EndTransaction(ask, try)
}

func (c *clerk) commit(ctx context.Context, t transfer) error {
	c.books.set(t, asked)
	if err := c.commits.follow(func() error { return c.end(ctx, c.cl, kgo.TryCommit) }); err != nil {
		return c.renew(ctx) // Who comes after it sees it ended, one way or the other.
	}
	c.books.set(t, committed)
	return nil
}

func (c *clerk) abort(ctx context.Context, t transfer) error {
	c.books.set(t, aborted)
	if err := c.end(ctx, c.cl, kgo.TryAbort); err != nil {
		return c.renew(ctx)
	}
	return nil
}

// zombie leaves a transfer to a client that comes with the clerk's id, and then goes on
// with it all the same: more records, wherever they go, and its commit.
func (c *clerk) zombie(ctx context.Context, t transfer) error {
	before, err := c.takeOver(ctx)
	if err != nil {
		return err
	}
	defer before.Close()
	c.books.set(t, aborted)
	for _, r := range produce(ctx, before, c.legs(t)) {
		if r.Err == nil {
			return fmt.Errorf("%v: a record for partition %d was acknowledged, though another producer had its id", t, r.Record.Partition)
		}
	}
	if err := c.end(ctx, before, kgo.TryCommit); err == nil {
		return fmt.Errorf("%v: its commit was acknowledged, though another producer had its id", t)
	}
	c.zombies.Add(1)
	return nil
}
