package span

import "context"

// Buffer is counted memory from a Pool. It is born with one holder.
type Buffer struct {
	B []byte // the usable bytes; length as asked of Get
	// (private fields: reference count, pool, size class)
}

// Retain adds a holder.
func (b *Buffer) Retain() { panic("not built") }

// Release removes a holder; the last one gives the memory back to the pool.
func (b *Buffer) Release() { panic("not built") }

// Pool hands out Buffers under one budget of bytes for the whole broker
// (Kafka's queued.max.request.bytes), so that memory is bounded whatever
// clients claim or how slow they are.
type Pool struct{}

// NewPool makes a pool; budget is in bytes. A single buffer larger than the
// budget is still granted, alone, so that one large request can always pass.
func NewPool(budget int64) *Pool { panic("not built") }

// Get waits until n bytes fit in the budget. Contents are undefined.
func (p *Pool) Get(ctx context.Context, n int) (*Buffer, error) { panic("not built") }

// InUse is the number of bytes handed out now, counted by capacity.
func (p *Pool) InUse() int64 { panic("not built") }
