package span

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// WriteTo implements io.WriterTo. It does not release the list. A write
// deadline set on a connection holds for the whole list; use a Writer to close
// only clients that make no progress.
func (l *List) WriteTo(w io.Writer) (int64, error) {
	return NewWriter(w, nil, 0).WriteList(l)
}

// Writer writes lists to one connection. Where that is a plain socket it makes
// few system calls and no copy in user space; elsewhere (TLS, tests) it copies
// through a buffer. Not safe for concurrent use; keep one per connection, it
// remembers what would else be allocated for each list.
//
// With a stall limit the Writer owns the connection's write deadline: it is
// set only once the socket's buffer is full, renewed as bytes move, and
// cleared again, so that an answer that fits costs no timer.
type Writer struct {
	w       io.Writer
	raw     syscall.RawConn       // nil: copy
	step    func(fd uintptr) bool // w.drain, bound once
	more    bool                  // the socket understands MSG_MORE
	stall   stallGuard
	cur     cursor
	vec     vector
	written int64
	err     error
}

// NewWriter makes a writer. A connection that takes no byte for stall fails
// with os.ErrDeadlineExceeded; 0 means no limit, and now may then be nil.
func NewWriter(w io.Writer, now func() time.Time, stall time.Duration) *Writer {
	wr := &Writer{w: w}
	if conn, ok := w.(syscall.Conn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			wr.raw = raw
		}
	}
	_, wr.more = w.(*net.TCPConn)
	if d, ok := w.(deadliner); ok && stall > 0 {
		wr.stall = stallGuard{conn: d, now: now, limit: stall}
	}
	wr.step = wr.drain
	return wr
}

// WriteList writes the whole list and returns the bytes that the connection
// took. It does not release the list.
func (w *Writer) WriteList(l *List) (int64, error) {
	w.cur = cursor{spans: l.spans}
	w.written, w.err = 0, nil
	for w.err == nil && !w.cur.done() {
		if w.raw == nil || w.cur.copying() {
			w.copySpans()
			continue
		}
		if err := w.raw.Write(w.step); err != nil && w.err == nil {
			w.err = err
		}
	}
	if err := w.stall.end(); w.err == nil && err != nil && w.written < int64(l.bytes) {
		w.err = err
	}
	w.cur = cursor{}
	if w.err != nil {
		return w.written, fmt.Errorf("write answer, %d of %d bytes gone: %w", w.written, l.bytes, w.err)
	}
	return w.written, nil
}

// drain is called by the runtime's poller whenever the socket may take bytes.
// It returns false to wait for that.
func (w *Writer) drain(fd uintptr) bool {
	defer w.vec.clear()
	for !w.cur.done() && !w.cur.copying() {
		n, err := w.send(int(fd))
		if n > 0 {
			w.written += int64(n)
			w.cur.advance(n)
			w.stall.progress()
		}
		switch {
		case err == nil, errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			if w.err = w.stall.begin(); w.err != nil {
				return true
			}
			return false
		case errors.Is(err, errNoSendfile):
			w.cur.copyThis = true
		default:
			w.err = err
			return true
		}
	}
	return true
}

// send makes one system call for what is under the cursor.
func (w *Writer) send(fd int) (int, error) {
	s := w.cur.span()
	if s.Mem != nil {
		next := w.vec.fill(&w.cur)
		return w.vec.send(fd, w.more && next < len(w.cur.spans))
	}
	in, ok := s.File.Descriptor()
	if !ok {
		return 0, errNoSendfile
	}
	return sendfile(fd, in, s.Off+int64(w.cur.off), s.N-w.cur.off)
}

// cursor is a place in a list of spans.
type cursor struct {
	spans    []Span
	i        int // the span
	off      int // bytes of it that are gone
	copyThis bool
}

func (c *cursor) done() bool  { return c.i == len(c.spans) }
func (c *cursor) span() *Span { return &c.spans[c.i] }

// copying says that the span under the cursor has to be read and written.
func (c *cursor) copying() bool { return c.copyThis && !c.done() }

func (c *cursor) advance(n int) {
	for n > 0 {
		left := c.spans[c.i].N - c.off
		if n < left {
			c.off += n
			return
		}
		n -= left
		c.i, c.off, c.copyThis = c.i+1, 0, false
	}
}
