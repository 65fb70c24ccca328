package span

import (
	"sync/atomic"
)

// Buffer is counted memory from a Pool. It is born with one holder.
//
// A Buffer value is never used twice: the pool recycles the memory below it,
// not the Buffer, so that one Release too many is always noticed instead of
// taking the bytes from under the next owner.
type Buffer struct {
	B []byte // the usable bytes; length as asked of Get, nil after the last Release

	pool *Pool
	mem  []byte // the whole of the memory, len(mem) is what the budget counts
	refs atomic.Int32
}

// Retain adds a holder. Only a holder may call it.
func (b *Buffer) Retain() {
	if b.refs.Add(1) < 2 {
		panic("span: Retain of a released buffer")
	}
}

// Release removes a holder; the last one gives the memory back to the pool.
func (b *Buffer) Release() {
	switch n := b.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("span: buffer released more often than it was held")
	}
	mem := b.mem
	b.B, b.mem = nil, nil
	b.pool.put(mem)
}

// Wanted reports whether somebody waits for memory of the buffer's pool. A
// holder that may keep buffers for long then keeps none.
func (b *Buffer) Wanted() bool { return b.pool.Waiting() > 0 }

// Cap is the number of bytes that the pool's budget counts for this buffer
// until its last Release; a holder that keeps buffers for long limits itself
// by it, not by the bytes it cares for.
func (b *Buffer) Cap() int { return len(b.mem) }
