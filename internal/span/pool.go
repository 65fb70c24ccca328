package span

import (
	"context"
	"fmt"
	"sync"
)

// Pool hands out Buffers under one budget of bytes for the whole broker
// (Kafka's queued.max.request.bytes), so that memory is bounded whatever
// clients claim or how slow they are.
//
// Invariant: memory handed out plus memory kept for reuse never exceeds the
// budget, except while one buffer larger than the budget is out, alone.
type Pool struct {
	pressure func(need int64)

	mu struct {
		sync.Mutex
		ledger
		idle int64
		free [classes]freeList
	}
}

// freeList is a stack, so that what is warm in the processor's cache goes out
// first and what nobody needs gathers at the bottom.
type freeList struct {
	stack [][]byte
	low   int // fewest since the last Trim: that many were not needed
}

// NewPool makes a pool; budget is in bytes. A single buffer larger than the
// budget is still granted, alone, so that one large request can always pass.
func NewPool(budget int64) *Pool {
	p := &Pool{}
	p.mu.budget = budget
	return p
}

// OnPressure sets a function that is called when a Get has to wait, by the
// goroutine that will wait and outside all locks. It is how a long holder (the
// tail ring) learns to let go, without which a large request could wait for
// ever. Call it before the first Get.
func (p *Pool) OnPressure(f func(need int64)) { p.pressure = f }

// Get waits until n bytes fit in the budget. Contents are undefined.
func (p *Pool) Get(ctx context.Context, n int) (*Buffer, error) {
	if n < 0 {
		panic("span: buffer of negative size")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("buffer of %d bytes: %w", n, err)
	}
	class, size := classOf(n)
	if err := p.mu.reserve(ctx, &p.mu.Mutex, int64(size), p.pressure); err != nil {
		return nil, fmt.Errorf("buffer of %d bytes: %w", n, err)
	}
	mem, victims := p.take(class)
	freeAll(victims)
	if mem == nil {
		var err error
		if mem, err = mapMemory(size); err != nil {
			p.unreserve(int64(size))
			return nil, fmt.Errorf("buffer of %d bytes: %w", n, err)
		}
	}
	b := &Buffer{B: mem[:n:n], pool: p, mem: mem}
	b.refs.Store(1)
	return b, nil
}

// InUse is the number of bytes handed out now, counted by capacity.
func (p *Pool) InUse() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.inUse
}

// Waiting is the number of Gets that wait for the budget. While it is not
// zero, a long holder should keep nothing.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.waiters.Len()
}

// Trim gives memory that was not needed since the last Trim back to the
// operating system and returns how much that was. The owner calls it every
// few seconds; two calls without traffic between them free everything idle.
func (p *Pool) Trim() int64 {
	var victims [][]byte
	p.mu.Lock()
	before := p.mu.idle
	for c := range p.mu.free {
		f := &p.mu.free[c]
		for _, mem := range f.stack[:f.low] {
			p.mu.idle -= int64(len(mem))
			victims = append(victims, mem)
		}
		kept := copy(f.stack, f.stack[f.low:])
		clear(f.stack[kept:])
		f.stack = f.stack[:kept]
		f.low = kept
	}
	freed := before - p.mu.idle
	p.mu.Unlock()
	freeAll(victims)
	return freed
}

func (p *Pool) unreserve(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.giveBack(size)
}

// take returns idle memory of the class, or nil and the memory of other
// classes that has to go before new memory may be made.
func (p *Pool) take(class int) (mem []byte, victims [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if class < classes {
		if f := &p.mu.free[class]; len(f.stack) > 0 {
			return p.popLocked(f), nil
		}
	}
	for c := classes - 1; c >= 0 && p.mu.idle > 0; c-- {
		for len(p.mu.free[c].stack) > 0 && p.mu.inUse+p.mu.idle > p.mu.budget {
			victims = append(victims, p.popLocked(&p.mu.free[c]))
		}
	}
	return nil, victims
}

func (p *Pool) popLocked(f *freeList) []byte {
	last := len(f.stack) - 1
	mem := f.stack[last]
	f.stack[last] = nil
	f.stack = f.stack[:last]
	f.low = min(f.low, last)
	p.mu.idle -= int64(len(mem))
	return mem
}

// put takes memory back from the last holder of a buffer.
func (p *Pool) put(mem []byte) {
	class, size := classOf(len(mem))
	p.mu.Lock()
	p.mu.inUse -= int64(size)
	// Judged before others are served: under a full budget the next in line
	// then finds warm memory instead of mapping it anew.
	keep := class < classes && p.mu.inUse+p.mu.idle+int64(size) <= p.mu.budget
	if keep {
		f := &p.mu.free[class]
		f.stack = append(f.stack, mem)
		p.mu.idle += int64(size)
	}
	p.mu.grant()
	p.mu.Unlock()
	if !keep {
		unmapMemory(mem)
	}
}
