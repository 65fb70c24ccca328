package server

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
)

// readAhead is the size of a connection's own read buffer: large enough that
// most requests that carry no records arrive in one system call, small enough
// for ten thousand connections.
const readAhead = 2 << 10

// frameReader cuts the byte stream of one connection into requests. Small ones
// are served from its own buffer; of large ones only the first bytes pass
// through it, the rest is read straight into the buffer that the log keeps.
type frameReader struct {
	src   io.Reader
	pool  *span.Pool
	limit int
	buf   []byte
	r, w  int // buf[r:w] is read but not used
	// total counts the bytes that ever arrived, for the janitor, which closes
	// connections that stop in the middle of a request.
	total atomic.Int64
	// inside is set from a request's first byte until its last.
	inside atomic.Bool
}

// frame is one request without its size. With a nil owner the bytes are only
// valid until the next call of next.
type frame struct {
	data  []byte
	owner *span.Buffer
}

func (f *frame) release() {
	if f.owner != nil {
		f.owner.Release()
		f.owner = nil
	}
}

func newFrameReader(src io.Reader, pool *span.Pool, limit int) *frameReader {
	return &frameReader{src: src, pool: pool, limit: limit, buf: make([]byte, readAhead)}
}

// next waits for a whole request. io.EOF: the client ended the connection
// between two requests.
func (fr *frameReader) next(ctx context.Context) (frame, error) {
	fr.inside.Store(fr.w > fr.r)
	if err := fr.fill(4); err != nil {
		return frame{}, err
	}
	n, err := protocol.FrameSize([4]byte(fr.buf[fr.r:]), fr.limit)
	if err != nil {
		return frame{}, fmt.Errorf("frame size: %w", err)
	}
	fr.r += 4
	// Only a client that sends what it announced gets memory from the shared
	// budget: connections that stop behind a large size cost nothing.
	if err := fr.fill(min(n, readAhead-4)); err != nil {
		return frame{}, fmt.Errorf("frame of %d bytes: %w", n, noEOF(err))
	}
	if have := fr.buf[fr.r:min(fr.w, fr.r+n)]; len(have) == n && !keepsBytes(have) {
		fr.r += n
		fr.inside.Store(false)
		return frame{data: have}, nil
	}
	// Waiting for the budget is not the client's fault.
	fr.inside.Store(false)
	b, err := fr.pool.Get(ctx, n+readAhead)
	fr.inside.Store(true)
	if err != nil {
		return frame{}, fmt.Errorf("memory for a frame of %d bytes: %w", n, err)
	}
	k := copy(b.B[:n], fr.buf[fr.r:fr.w])
	fr.r += k
	for k < n {
		m, err := fr.src.Read(b.B[k:])
		k += m
		fr.total.Add(int64(m))
		if err != nil && k < n {
			b.Release()
			return frame{}, fmt.Errorf("frame of %d bytes ended after %d: %w", n, k, noEOF(err))
		}
	}
	if k > n {
		// The read went on into the next request, which saves a system call.
		fr.r, fr.w = 0, copy(fr.buf, b.B[n:k])
	}
	fr.inside.Store(fr.w > fr.r)
	return frame{data: b.B[:n], owner: b}, nil
}

// fill reads until n unused bytes are in the buffer.
func (fr *frameReader) fill(n int) error {
	if fr.w-fr.r >= n {
		return nil
	}
	if fr.r+n > len(fr.buf) || fr.r == fr.w {
		fr.w = copy(fr.buf, fr.buf[fr.r:fr.w])
		fr.r = 0
	}
	for fr.w-fr.r < n {
		m, err := fr.src.Read(fr.buf[fr.w:])
		fr.w += m
		fr.total.Add(int64(m))
		if m > 0 {
			fr.inside.Store(true)
		}
		if err != nil && fr.w-fr.r < n {
			if fr.w > fr.r {
				return noEOF(err)
			}
			return err //nolint:wrapcheck // io.EOF here is the normal end of a connection.
		}
	}
	return nil
}

// keepsBytes knows the requests whose bytes go to the log, which keeps them
// longer than the connection's own buffer does.
func keepsBytes(frame []byte) bool {
	return protocol.Key(binary.BigEndian.Uint16(frame)) == protocol.KeyProduce
}

// noEOF turns an end in the middle of something into what it is.
func noEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // Read returns it bare.
		return io.ErrUnexpectedEOF
	}
	return err
}
