package observe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Crew is goroutines that work side by side, and all end with the first that finds the
// broker wrong: it may keep another one waiting for ever, and so whoever waits for that.
type Crew struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     struct {
		sync.Mutex
		errs []error
	}
}

// NewCrew makes one, with the context that its members work under.
func NewCrew(ctx context.Context) (*Crew, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &Crew{cancel: cancel}, ctx
}

// Run has a member work.
func (c *Crew) Run(work func() error) {
	c.wg.Go(func() {
		if err := work(); err != nil {
			c.mu.Lock()
			c.mu.errs = append(c.mu.errs, err)
			c.mu.Unlock()
			c.cancel()
		}
	})
}

// Err is what the broker did wrong so far.
func (c *Crew) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.mu.errs...)
}

// End has all members end, and waits for them.
func (c *Crew) End() {
	c.cancel()
	c.wg.Wait()
}

// Await tries until there is no error, or somebody finds the broker wrong.
func (c *Crew) Await(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if wrong := c.Err(); wrong != nil {
			return wrong
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not so: %s: %w", what, err)
		case <-time.After(LookEvery):
		}
	}
}
