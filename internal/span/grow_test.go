package span

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
)

func begin(t *testing.T, p *Pool, n int) *Buffer {
	t.Helper()
	b, err := p.Begin(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func grow(t *testing.T, b *Buffer) {
	t.Helper()
	if err := b.Grow(t.Context()); err != nil {
		t.Error(err)
	}
}

// Who announces much gets it as the bytes come.
func TestBegunBufferIsCountedByPieces(t *testing.T) {
	p := NewPool(4 << 20)
	b := begin(t, p, 1<<20)
	for _, want := range []int{32 * kib, 128 * kib, 512 * kib} {
		if len(b.B) != 1<<20 || b.Ready() != want || p.InUse() != int64(want) {
			t.Fatalf("%d of %d bytes ready, %d in use, want %d", b.Ready(), len(b.B), p.InUse(), want)
		}
		grow(t, b)
	}
	if b.Ready() != 1<<20 || p.InUse() != int64(b.Cap()) {
		t.Fatalf("%d bytes ready, %d in use", b.Ready(), p.InUse())
	}
	b.Release()
	// The same memory again: what is not counted of it is idle.
	b = begin(t, p, 1<<20)
	if p.InUse() != 32*kib || idle(p) != 1<<20-32*kib {
		t.Fatalf("%d in use, %d idle", p.InUse(), idle(p))
	}
	b.Release()
	if p.InUse() != 0 || idle(p) != 1<<20 {
		t.Fatalf("%d in use, %d idle at the end", p.InUse(), idle(p))
	}
	small := begin(t, p, 40*kib)
	if small.Ready() != 40*kib {
		t.Fatalf("a small one begins with %d bytes", small.Ready())
	}
	small.Release()
}

// One that is filled but for what a reader wanted beyond is whole: nothing of it
// counts as still to come.
func TestBegunBufferIsWholeAtItsEnd(t *testing.T) {
	const beyond = 2 * kib
	for _, piece := range []int{128 * kib, 512 * kib, 2 << 20} {
		for n := piece - beyond - 1; n <= piece+1; n += 64 {
			p := NewPool(16 << 20)
			b := begin(t, p, n+beyond)
			for b.Ready() < n {
				grow(t, b)
			}
			if p.InUse() != int64(b.Cap()) || p.mu.growing != 0 {
				t.Fatalf("%d bytes: %d in use of %d, %d growing", n, p.InUse(), b.Cap(), p.mu.growing)
			}
			b.Release()
		}
	}
}

// None of them could ever be filled within the budget: the first that waits goes
// beyond, then the oldest of those that wait.
func TestBegunBuffersThatFillTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(4 * firstPiece)
		var all [4]*Buffer
		for i := range all {
			all[i] = begin(t, p, 256*kib)
		}
		var filled []int
		for _, i := range []int{2, 3, 1, 0} {
			go func() {
				for all[i].Ready() < 256*kib {
					grow(t, all[i])
				}
				filled = append(filled, i)
			}()
			synctest.Wait()
		}
		for n, i := range []int{2, 0, 1, 3} {
			if len(filled) != n+1 || filled[n] != i || p.InUse() != int64(256*kib+(3-n)*firstPiece) {
				t.Fatalf("filled %v with %d bytes in use", filled, p.InUse())
			}
			all[i].Release()
			synctest.Wait()
		}
	})
}

// While something else is out, nobody goes beyond the budget, not even for one
// that is larger.
func TestBegunBufferWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(256 * kib)
		large, other := begin(t, p, 1<<20), get(t, p, 128*kib)
		grow(t, large)
		got := false
		go func() {
			grow(t, large)
			got = true
		}()
		synctest.Wait()
		if got || large.Ready() != 128*kib {
			t.Fatalf("%d bytes beside another", large.Ready())
		}
		other.Release()
		synctest.Wait()
		if !got || large.Ready() != 1<<20 {
			t.Fatalf("%d bytes alone", large.Ready())
		}
		large.Release()
		if p.InUse() != 0 {
			t.Fatalf("%d in use at the end", p.InUse())
		}
	})
}

// Whatever comes and goes, and gives up, everything ends, nothing that was written is
// lost, and the account is right.
func TestBegunBuffersAllEnd(t *testing.T) {
	const budget, largest = 1 << 20, 700 * kib
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			p := NewPool(budget)
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() { fillOne(t, p, rand.New(rand.NewPCG(seed, uint64(i))), largest) })
				if i%20 == 0 {
					synctest.Wait()
				}
			}
			all.Wait()
			if p.InUse() != 0 || p.mu.growing != 0 || p.Waiting() != 0 || len(p.mu.filling) != 0 || idle(p) > budget {
				t.Fatalf("at the end %d in use, %d growing, %d waiting, %d being filled, %d idle",
					p.InUse(), p.mu.growing, p.Waiting(), len(p.mu.filling), idle(p))
			}
		})
	}
}

// fillOne fills a buffer of up to largest bytes, or gives up on the way.
func fillOne(t *testing.T, p *Pool, rng *rand.Rand, largest int) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if rng.IntN(8) == 0 {
		go cancel()
	}
	n := rng.IntN(largest)
	b, err := p.Begin(ctx, n)
	if err != nil {
		return
	}
	defer b.Release()
	mark, k := byte(1+rng.IntN(255)), 0
	for {
		for ; k < b.Ready(); k += 512 {
			b.B[k] = mark
		}
		if b.Ready() == n || rng.IntN(20) == 0 {
			break
		}
		if used := p.InUse(); used > int64(1<<20+largest+largest/4) {
			t.Errorf("%d bytes in use", used)
		}
		if err := b.Grow(ctx); err != nil {
			return
		}
	}
	for i := 0; i < k; i += 512 {
		if b.B[i] != mark {
			t.Errorf("byte %d of %d became %d", i, n, b.B[i])
			return
		}
	}
}
