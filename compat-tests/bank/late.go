package bank

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/observe"
)

// late asks for the commit of a transfer once the broker has aborted it for its age, so
// that it has to be refused. A commit that is late by the clock alone proves nothing: a
// broker that was away may not have come to the abort, and is right to take it.
func (c *clerk) late(ctx context.Context, t transfer) error {
	if err := c.outlive(ctx, t); err != nil {
		return err
	}
	c.books.set(t, aborted)
	if err := c.end(ctx, c.cl, kgo.TryCommit); err == nil {
		return fmt.Errorf("%v: its commit was acknowledged, though it had been aborted for its age", t)
	}
	c.lates.Add(1)
	return c.renew(ctx)
}

// outlive waits until the broker says that a transfer is aborted, all of whose legs were
// acknowledged. That this takes too long is found by who looks at last stable offsets.
func (c *clerk) outlive(ctx context.Context, t transfer) error {
	for wait := c.o.Timeout; ; wait = observe.LookEvery {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		state, err := c.state(ctx)
		switch {
		case errors.Is(err, kerr.TransactionalIDNotFound):
			return fmt.Errorf("%v: the broker knows nothing of its transactional id: %w", t, err)
		case err != nil || state == "Ongoing":
		case state == "PrepareAbort" || state == "CompleteAbort":
			return nil
		default:
			return fmt.Errorf("%v: its transaction is in state %s, though nobody has ended it", t, state)
		}
	}
}

// state is what the broker says of the clerk's id. An error may be that it is away.
func (c *clerk) state(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	txns, err := c.adm.DescribeTransactions(ctx, c.id())
	if err != nil {
		return "", err
	}
	txn, err := txns.On(c.id(), nil)
	return txn.State, errors.Join(err, txn.Err)
}
