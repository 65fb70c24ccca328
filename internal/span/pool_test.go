package span

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

const kib = 1 << 10

func get(t *testing.T, p *Pool, n int) *Buffer {
	t.Helper()
	b, err := p.Get(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// idle is the number of bytes that the pool keeps for reuse.
func idle(p *Pool) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.idle
}

func wantPanic(t *testing.T, what string, do func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	do()
}

func TestClasses(t *testing.T) {
	for _, c := range []struct{ n, class, size int }{
		{0, 0, 4 * kib},
		{1, 0, 4 * kib},
		{4 * kib, 0, 4 * kib},
		{4*kib + 1, 1, 5 * kib},
		{5*kib + 1, 2, 6 * kib},
		{7*kib + 1, 4, 8 * kib},
		{8 * kib, 4, 8 * kib},
		{1<<20 + 100, 33, 1280 * kib},
		{64 << 20, classes - 1, 64 << 20},
		{64<<20 + 1, classes, 64<<20 + 4*kib},
	} {
		if class, size := classOf(c.n); class != c.class || size != c.size {
			t.Errorf("%d bytes: class %d of %d, want %d of %d", c.n, class, size, c.class, c.size)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 80<<20).Draw(t, "n")
		class, size := classOf(n)
		if size < n || class > classes || n > 4*kib && size-n > n/4+pageSize {
			t.Fatalf("%d bytes: class %d of %d bytes", n, class, size)
		}
		if c2, s2 := classOf(size); c2 != class || s2 != size {
			t.Fatalf("size %d of class %d is in class %d of %d", size, class, c2, s2)
		}
	})
}

func TestBufferIsCountedUntilItsLastRelease(t *testing.T) {
	p := NewPool(1 << 20)
	for _, n := range []int{0, 10, 100 * kib, 65 << 20} {
		b := get(t, p, n)
		if len(b.B) != n || b.Cap() < n || p.InUse() != int64(b.Cap()) {
			t.Fatalf("%d bytes asked: %d usable, capacity %d, %d in use", n, len(b.B), b.Cap(), p.InUse())
		}
		for i := range b.B {
			b.B[i] = 1
		}
		b.Retain()
		b.Release()
		if p.InUse() == 0 {
			t.Fatal("given back while one holder was left")
		}
		b.Release()
		if p.InUse() != 0 || b.B != nil {
			t.Fatalf("%d bytes in use after the last release", p.InUse())
		}
		wantPanic(t, "one release too many", b.Release)
		wantPanic(t, "retain after the last release", b.Retain)
	}
	wantPanic(t, "a negative size", func() { get(t, p, -1) })
}

func TestMemoryIsReusedAndTrimmed(t *testing.T) {
	p := NewPool(1 << 20)
	b := get(t, p, 100*kib)
	first := &b.B[0]
	b.Release()
	if idle(p) != 112*kib {
		t.Fatalf("%d bytes idle", idle(p))
	}
	b = get(t, p, 110*kib)
	if &b.B[0] != first || idle(p) != 0 {
		t.Fatal("idle memory was not reused")
	}
	b.Release()
	if n := p.Trim(); n != 0 {
		t.Fatalf("trimmed %d bytes that were used since the last trim", n)
	}
	if n := p.Trim(); n != 112*kib || idle(p) != 0 {
		t.Fatalf("trimmed %d bytes, %d still idle", n, idle(p))
	}
	get(t, p, 100*kib).Release()
}

func TestFullBudgetHandsMemoryOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(128 * kib)
		b := get(t, p, 128*kib)
		first := &b.B[0]
		got := make(chan *Buffer)
		go func() { got <- get(t, p, 128*kib) }()
		synctest.Wait()
		b.Release()
		b = <-got
		if &b.B[0] != first || idle(p) != 0 {
			t.Fatal("memory was mapped anew although the next in line could have it")
		}
		b.Release()
	})
}

func TestTrimKeepsWhatTrafficNeeds(t *testing.T) {
	p := NewPool(1 << 20)
	a, b := get(t, p, 4*kib), get(t, p, 4*kib)
	a.Release()
	b.Release()
	p.Trim()
	get(t, p, 4*kib).Release() // since then one of the two was needed at a time
	if n := p.Trim(); n != 4*kib || idle(p) != 4*kib {
		t.Fatalf("trimmed %d bytes, kept %d", n, idle(p))
	}
}

// Memory handed out and memory kept never exceed the budget together, however
// the sizes change.
func TestIdleMemoryMakesRoom(t *testing.T) {
	const budget = 1 << 20
	p := NewPool(budget)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var held []*Buffer
		for range rng.IntN(4) {
			if n := rng.IntN(budget / 5); p.InUse()+int64(n+n/4+pageSize) <= budget {
				held = append(held, get(t, p, n))
			}
			if sum := p.InUse() + idle(p); sum > budget {
				t.Fatalf("%d bytes in use and idle with a budget of %d", sum, budget)
			}
		}
		for _, b := range held {
			b.Release()
		}
	}
	if p.InUse() != 0 || idle(p) == 0 {
		t.Fatalf("%d in use, %d idle at the end", p.InUse(), idle(p))
	}
}

func TestOversizeIsGrantedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(100 * kib)
		small := get(t, p, 4*kib)
		got := make(chan *Buffer, 2)
		go func() { got <- get(t, p, 300*kib) }()
		synctest.Wait()
		if len(got) != 0 || p.Waiting() != 1 {
			t.Fatal("an oversize buffer was granted beside another")
		}
		small.Release()
		big := <-got
		go func() { got <- get(t, p, 1) }()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("a buffer was granted beside an oversize one")
		}
		big.Release()
		(<-got).Release()
		if p.InUse() != 0 || p.Waiting() != 0 {
			t.Fatalf("%d in use, %d waiting", p.InUse(), p.Waiting())
		}
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(64 * kib)
		all := get(t, p, 64*kib)
		sizes := []int{48, 32, 8, 12}
		granted := make(chan int, len(sizes))
		release := make(map[int]chan struct{})
		for _, n := range sizes {
			release[n] = make(chan struct{})
			go func() {
				b := get(t, p, n*kib)
				granted <- n
				<-release[n]
				b.Release()
			}()
			synctest.Wait()
		}
		all.Release()
		synctest.Wait()
		if n := <-granted; n != 48 || len(granted) != 0 {
			t.Fatalf("first served %d KiB, and %d more that should not overtake", n, len(granted))
		}
		close(release[48])
		synctest.Wait()
		if len(granted) != 3 {
			t.Fatalf("%d of the 3 that fit together were served", len(granted))
		}
		for _, n := range sizes[1:] {
			close(release[n])
		}
		synctest.Wait()
		if p.InUse() != 0 {
			t.Fatalf("%d bytes leaked", p.InUse())
		}
	})
}

func TestCancelledWaiterLetsOthersThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(64 * kib)
		held := get(t, p, 48*kib)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := p.Get(ctx, 32*kib)
			failed <- err
		}()
		synctest.Wait()
		got := make(chan *Buffer, 1)
		go func() { got <- get(t, p, 8*kib) }()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("the small request overtook the large one")
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled wait: %v", err)
		}
		(<-got).Release()
		if _, err := p.Get(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Fatalf("get with a cancelled context: %v", err)
		}
		held.Release()
		if p.InUse() != 0 {
			t.Fatalf("%d bytes leaked", p.InUse())
		}
	})
}

func TestPressureAsksLongHoldersToLetGo(t *testing.T) {
	p := NewPool(64 * kib)
	ring := get(t, p, 48*kib)
	asked := int64(0)
	p.OnPressure(func(need int64) {
		asked = need
		ring.Release()
	})
	get(t, p, 32*kib).Release()
	if asked != 32*kib {
		t.Fatalf("asked for %d bytes", asked)
	}
}

func TestPoolUnderConcurrency(t *testing.T) {
	const budget = 1 << 20
	p := NewPool(budget)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(g)))
			for range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(4) == 0 {
					go cancel()
				}
				b, err := p.Get(ctx, rng.IntN(budget/4))
				cancel()
				if err != nil {
					continue
				}
				for i := range b.B {
					b.B[i] = byte(g)
				}
				b.Retain()
				go b.Release()
				for i, c := range b.B {
					if c != byte(g) {
						t.Errorf("byte %d is %d, another goroutine's", i, c)
						break
					}
				}
				b.Release()
				if rng.IntN(50) == 0 {
					p.Trim()
				}
			}
		})
	}
	wg.Wait()
	// The retained halves may still be on their way; waiting for the whole
	// budget waits for them.
	b := get(t, p, budget)
	b.Release()
	if p.InUse() != 0 || idle(p) > budget {
		t.Fatalf("%d in use, %d idle", p.InUse(), idle(p))
	}
}

func BenchmarkGetRelease(b *testing.B) {
	p := NewPool(64 << 20)
	for b.Loop() {
		buf, err := p.Get(b.Context(), 1<<20+100)
		if err != nil {
			b.Fatal(err)
		}
		buf.Release()
	}
}
