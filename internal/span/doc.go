// Package span is how bytes travel from the log to a socket without a copy in
// user space: a Buffer is pooled, counted memory that a request was read into;
// a Span is memory or a range of a file; a List is an answer in flight that
// pins everything it points at and writes itself out.
//
// Files: span.go (List), write.go (Writer: a list to a connection), sendfile.go
// (writev, sendfile), copy.go (where the kernel cannot), stall.go (clients that
// take nothing), buffer.go (Buffer), pool.go (Pool: the memory for requests), memory.go (size
// classes, memory outside the Go heap), budget.go (Budget: a bound for memory
// on the Go heap), ledger.go (the account behind both). No goroutines.
//
// Invariant: nothing a List points at is reused, unmapped or closed before
// List.Release; a buffer returns to its pool when its last holder lets go.
package span
