package span

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func reserve(t *testing.T, b *Budget, n int64) *Share {
	t.Helper()
	s, err := b.Reserve(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBudgetOrder: first come, first served, and what is larger than all of it
// goes alone.
func TestBudgetOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		first := reserve(t, b, 80)
		var order []string
		claim := func(name string, n int64, got **Share) {
			go func() {
				s, err := b.Reserve(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				order, *got = append(order, name), s
			}()
			synctest.Wait()
		}
		var huge, small *Share
		claim("huge", 1000, &huge)
		claim("small", 10, &small)
		if len(order) != 0 || b.Waiting() != 2 {
			t.Fatalf("%v were let in, %d wait", order, b.Waiting())
		}
		first.Resize(20) // encoded: the small one would fit, but it came later
		synctest.Wait()
		if len(order) != 0 || b.InUse() != 20 {
			t.Fatalf("%v were let in, %d in use", order, b.InUse())
		}
		first.Release()
		first.Release() // of what is empty: nothing
		synctest.Wait()
		if len(order) != 1 || order[0] != "huge" || b.InUse() != 1000 {
			t.Fatalf("%v were let in, %d in use", order, b.InUse())
		}
		huge.Release()
		synctest.Wait()
		if len(order) != 2 || b.InUse() != 10 {
			t.Fatalf("%v were let in, %d in use", order, b.InUse())
		}
		small.Release()
		if b.InUse() != 0 {
			t.Fatalf("%d in use at the end", b.InUse())
		}
	})
}

// TestBudgetGiveUp: who gives up lets those behind pass, and a share that was
// guessed too low makes the next ones wait.
func TestBudgetGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		first := reserve(t, b, 50)
		ctx, cancel := context.WithCancel(t.Context())
		var gaveUp error
		go func() { _, gaveUp = b.Reserve(ctx, 60) }()
		synctest.Wait()
		in := false
		go func() {
			_, err := b.Reserve(t.Context(), 40)
			in = err == nil
		}()
		synctest.Wait()
		if in {
			t.Fatal("it overtook")
		}
		cancel()
		synctest.Wait()
		if !errors.Is(gaveUp, context.Canceled) || !in || b.InUse() != 90 {
			t.Fatalf("%v, in: %v, %d in use", gaveUp, in, b.InUse())
		}
		first.Resize(500)
		if b.InUse() != 540 {
			t.Fatalf("%d in use", b.InUse())
		}
		if _, err := b.Reserve(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Fatalf("a dead caller got %v", err)
		}
	})
}

// TestShareGrows: a share grows while there is room, and never above the budget,
// also if it is the only one.
func TestShareGrows(t *testing.T) {
	b := NewBudget(100)
	first, second := b.Share(), b.Share()
	for _, step := range []struct {
		share *Share
		to    int64
		ok    bool
		inUse int64
	}{
		{first, 101, false, 0},
		{first, 60, true, 60},
		{second, 41, false, 60},
		{second, 40, true, 100},
		{first, 61, false, 100},
		{first, 50, true, 90},
		{second, 50, true, 100},
	} {
		if ok := step.share.Grow(step.to); ok != step.ok || b.InUse() != step.inUse {
			t.Errorf("grown to %d: %v, %d in use; want %v, %d", step.to, ok, b.InUse(), step.ok, step.inUse)
		}
	}
	first.Release()
	second.Release()
	if b.InUse() != 0 {
		t.Errorf("%d in use at the end", b.InUse())
	}
}
