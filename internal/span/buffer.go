package span

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Buffer is counted memory from a Pool. It is born with one holder.
//
// A Buffer value is never used twice: the pool recycles the memory below it,
// not the Buffer, so that one Release too many is always noticed instead of
// taking the bytes from under the next owner.
type Buffer struct {
	B []byte // the usable bytes; length as asked of Get or Begin, nil after the last Release

	pool *Pool
	mem  []byte // the whole of the memory, len(mem) is what the budget counts in the end
	refs atomic.Int32

	// Of a buffer from Begin that is still to be filled: what the budget counts of
	// it, and its place among those that wait. Only its filler changes them.
	// Whoever fills all but the last firstPiece of it has all of it counted.
	counted int
	ticket  uint64
	// warm is the memory behind counted that the operating system has given already.
	// The pool's mutex guards it.
	warm int
}

// Ready is how many of the buffer's bytes may be written to: all of them, or, of
// a buffer from Begin, those for which there is memory by now.
func (b *Buffer) Ready() int { return min(b.counted, len(b.B)) }

// Grow waits for memory for more of the bytes of a buffer from Begin, in the order
// in which the buffers were begun. Only the one goroutine that fills it may call
// it, while Ready is less than all.
func (b *Buffer) Grow(ctx context.Context) error {
	size := min(b.counted*growth, len(b.mem))
	if len(b.B)-size < firstPiece {
		size = len(b.mem) // so little would be left that it may never be asked for
	}
	if err := b.pool.grow(ctx, b, size); err != nil {
		return fmt.Errorf("more than %d bytes for a buffer of %d: %w", b.counted, len(b.B), err)
	}
	return nil
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
	b.pool.put(b)
}

// Wanted reports whether somebody waits for memory of the buffer's pool. A
// holder that may keep buffers for long then keeps none.
func (b *Buffer) Wanted() bool { return b.pool.Waiting() > 0 }

// Cap is the number of bytes that the pool's budget counts for this buffer, once
// it is filled, until its last Release; a holder that keeps buffers for long limits itself
// by it, not by the bytes it cares for.
func (b *Buffer) Cap() int { return len(b.mem) }
