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
// A buffer that a client will fill is begun (Begin) with a first piece and grows
// as the bytes come, so that who announces much and sends little holds little.
//
// Invariant: memory handed out plus memory kept for reuse never exceeds the
// budget, except for one buffer: one that is larger than the budget and out alone,
// or the rest of the oldest of those that are being filled, when nothing else is
// out and none of them could be filled within the budget.
type Pool struct {
	pressure func(need int64)

	mu struct {
		sync.Mutex
		ledger
		idle int64
		free [classes]freeList
		// filling are the buffers that are warm behind what is counted of them; that
		// memory is part of idle.
		filling map[*Buffer]struct{}
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
	p.mu.filling = map[*Buffer]struct{}{}
	return p
}

// OnPressure sets a function that is called when a Get has to wait, by the
// goroutine that will wait and outside all locks. It is how a long holder (the
// tail ring) learns to let go, without which a large request could wait for
// ever. Call it before the first Get.
func (p *Pool) OnPressure(f func(need int64)) { p.pressure = f }

// Get waits until n bytes fit in the budget. Contents are undefined.
func (p *Pool) Get(ctx context.Context, n int) (*Buffer, error) {
	_, size := classOf(max(n, 0))
	return p.get(ctx, n, size)
}

// Begin is Get for n bytes that are still to come: it waits for memory for the
// first of them only, see Buffer.Ready and Buffer.Grow.
func (p *Pool) Begin(ctx context.Context, n int) (*Buffer, error) {
	_, size := classOf(max(n, 0))
	if size >= offHeapMin {
		size = firstPiece
	}
	return p.get(ctx, n, size)
}

// get makes a buffer of n bytes of which counted bytes are counted now.
func (p *Pool) get(ctx context.Context, n, counted int) (*Buffer, error) {
	if n < 0 {
		panic("span: buffer of negative size")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("buffer of %d bytes: %w", n, err)
	}
	class, size := classOf(n)
	c, err := p.mu.reserve(ctx, &p.mu.Mutex, claim{size: int64(counted), total: int64(size)}, p.pressure)
	if err != nil {
		return nil, fmt.Errorf("buffer of %d bytes: %w", n, err)
	}
	b := &Buffer{pool: p, counted: counted, ticket: c.ticket}
	b.refs.Store(1)
	mem, victims := p.take(b, class)
	freeAll(victims)
	if mem == nil {
		if mem, err = mapMemory(size); err != nil {
			p.unreserve(c)
			return nil, fmt.Errorf("buffer of %d bytes: %w", n, err)
		}
		b.mem = mem
	}
	b.B = mem[:n:n]
	return b, nil
}

// grow waits until a buffer's bytes up to size are counted.
func (p *Pool) grow(ctx context.Context, b *Buffer, size int) error {
	c, err := p.mu.reserve(ctx, &p.mu.Mutex, claim{
		ticket: b.ticket, size: int64(size - b.counted), held: int64(b.counted), total: int64(len(b.mem)),
	}, p.pressure)
	if err != nil {
		return err
	}
	p.mu.Lock()
	b.counted += int(c.size)
	p.setWarmLocked(b, max(b.warm-int(c.size), 0))
	victims := p.makeRoomLocked()
	p.mu.Unlock()
	freeAll(victims)
	return nil
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

// Served counts the Gets, Begins and Grows that had what they wanted. Who sees the
// same number again while somebody waits knows that nothing came back meanwhile.
func (p *Pool) Served() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.served
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

func (p *Pool) unreserve(c claim) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.undo(c)
	p.mu.grant()
}

// take returns idle memory of the class for b, or nil and the memory of other
// classes that has to go before new memory may be made.
func (p *Pool) take(b *Buffer, class int) (mem []byte, victims [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if class < classes {
		if f := &p.mu.free[class]; len(f.stack) > 0 {
			mem = p.popLocked(f)
			b.mem = mem
			p.setWarmLocked(b, len(mem)-b.counted)
		}
	}
	return mem, p.makeRoomLocked()
}

// makeRoomLocked lets idle memory go until all is within the budget again.
func (p *Pool) makeRoomLocked() (victims [][]byte) {
	for c := classes - 1; c >= 0 && p.mu.idle > 0; c-- {
		for len(p.mu.free[c].stack) > 0 && p.mu.inUse+p.mu.idle > p.mu.budget {
			victims = append(victims, p.popLocked(&p.mu.free[c]))
		}
	}
	for b := range p.mu.filling {
		if p.mu.inUse+p.mu.idle <= p.mu.budget {
			break
		}
		// Under the mutex: once it is counted, its filler writes to it.
		coolDown(b.mem, len(b.mem)-b.warm)
		p.setWarmLocked(b, 0)
	}
	return victims
}

// setWarmLocked notes how much of the end of b is warm but not counted.
func (p *Pool) setWarmLocked(b *Buffer, warm int) {
	p.mu.idle += int64(warm - b.warm)
	b.warm = warm
	if warm > 0 {
		p.mu.filling[b] = struct{}{}
	} else {
		delete(p.mu.filling, b)
	}
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
func (p *Pool) put(b *Buffer) {
	p.mu.Lock()
	mem := b.mem
	b.B, b.mem = nil, nil
	class, size := classOf(len(mem))
	p.mu.inUse -= int64(b.counted)
	if b.counted < size {
		p.mu.growing -= int64(b.counted)
		p.setWarmLocked(b, 0)
	}
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
