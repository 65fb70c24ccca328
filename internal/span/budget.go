package span

import (
	"context"
	"fmt"
	"sync"
)

// Budget bounds memory that is not the pool's: what is made on the Go heap, of
// which only the size is known or guessed. It hands out shares, not bytes.
//
// Invariant: the shares together never exceed the budget, except for one that
// is larger than all of it and out alone, and for what Resize added to shares
// that were guessed too small.
type Budget struct {
	mu struct {
		sync.Mutex
		ledger
	}
}

// NewBudget makes a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.mu.budget = bytes
	return b
}

// Reserve waits until n bytes fit in the budget.
func (b *Budget) Reserve(ctx context.Context, n int64) (*Share, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("share of %d bytes: %w", n, err)
	}
	if _, err := b.mu.reserve(ctx, &b.mu.Mutex, all(n), nil); err != nil {
		return nil, fmt.Errorf("share of %d bytes: %w", n, err)
	}
	return &Share{budget: b, bytes: n}, nil
}

// Try is Reserve for those who can do without: nil if n bytes do not fit now.
func (b *Budget) Try(n int64) *Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.waiters.Len() > 0 || !b.mu.fits(n) {
		return nil
	}
	b.mu.inUse += n
	return &Share{budget: b, bytes: n}
}

// Share is an empty share, for Grow.
func (b *Budget) Share() *Share { return &Share{budget: b} }

// InUse is the sum of all shares.
func (b *Budget) InUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.inUse
}

// Waiting is the number of Reserves that wait.
func (b *Budget) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.waiters.Len()
}

// Share is a part of a Budget. As a Pin of a List it is given back when the
// list is released.
type Share struct {
	budget *Budget
	bytes  int64 // guarded by the budget's mutex
}

// Resize sets the share to what it turned out to need. It does not wait: who
// guessed too low has taken the memory already, and the next ones wait for it.
func (s *Share) Resize(n int64) {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	less := s.bytes - n
	s.bytes = n
	s.budget.mu.giveBack(less)
}

// Grow makes the share n bytes large, if the budget has room for that now. It
// makes no exception for one that is larger than all of it.
func (s *Share) Grow(n int64) bool {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	more := n - s.bytes
	if s.budget.mu.waiters.Len() > 0 || s.budget.mu.inUse+more > s.budget.mu.budget {
		return false
	}
	s.bytes = n
	s.budget.mu.inUse += more
	return true
}

// Release implements Pin. A share that was given back is empty.
func (s *Share) Release() { s.Resize(0) }
