package server

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
)

const (
	// readAhead is the size of a connection's own read buffer: large enough that
	// most requests that carry no records arrive in one system call, small enough
	// for ten thousand connections.
	readAhead = 2 << 10
	// ownFrameMax is how large a request without records may be to be read into
	// memory that is its connection's own. Such a request waits for no other
	// client, and whatever it has to wait for later, no other waits for it.
	ownFrameMax = 64 << 10
	// stillMax is how long a client may send nothing of a request whose memory
	// others wait for: it may have gone without a word.
	stillMax = 3 * time.Second
	// pieceMax is how long a client may take for a piece of a request, and a second
	// more for each leastRate bytes of it, while others wait for its memory.
	pieceMax = 10 * time.Second
)

// frameMemory is where large requests are read into. Only what goes to the log
// takes of the one pool, so that nothing else that a client sends can stop
// Produce; see answers.go.
type frameMemory struct {
	produce, others *span.Pool
	// room is called before memory is taken, and waits until what the
	// connection has under way leaves nothing to wait for afterwards.
	room func(produce bool) error
	// patience is how long a request of a size that has come may wait with memory
	// that others wait for; now is the time.
	patience func(bytes int) time.Duration
	now      func() time.Time
}

// frameReader cuts the byte stream of one connection into requests. Small ones
// are served from its own buffer; of large ones only the first bytes pass
// through it, the rest is read straight into the buffer that the log keeps.
type frameReader struct {
	src    io.Reader
	memory frameMemory
	limit  int
	buf    []byte
	r, w   int // buf[r:w] is read but not used
	// total counts the bytes that ever arrived, for the janitor, which closes
	// connections that stop in the middle of a request.
	total atomic.Int64
	// inside is set from a request's first byte until its last, waiting while the
	// client can do nothing for it: there is no memory.
	inside, waiting atomic.Bool
	// held is the shared memory of the request that is being read or waits, due
	// the time (in nanoseconds) by which its newest piece must be full, and the
	// request let in, if others wait for it.
	held atomic.Pointer[span.Buffer]
	due  atomic.Int64
	// moved is when bytes came last (in nanoseconds) for the request that is being
	// read into held; 0 once it is read.
	moved atomic.Int64
}

// frame is one request without its size. With a nil owner the bytes are only
// valid until the next call of next.
type frame struct {
	data  []byte
	owner *span.Buffer
}

// empty reports whether nothing is read that was not handed out. For the reading goroutine.
func (fr *frameReader) empty() bool { return fr.r == fr.w }

func (f *frame) release() {
	if f.owner != nil {
		f.owner.Release()
		f.owner = nil
	}
}

func newFrameReader(src io.Reader, memory frameMemory, limit int) *frameReader {
	return &frameReader{src: src, memory: memory, limit: limit, buf: make([]byte, readAhead)}
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
	// Only a client that sends what it announced gets memory from a shared
	// budget: connections that stop behind a large size cost nothing.
	if err := fr.fill(min(n, readAhead-4)); err != nil {
		return frame{}, fmt.Errorf("frame of %d bytes: %w", n, noEOF(err))
	}
	have := fr.buf[fr.r:min(fr.w, fr.r+n)]
	produce := carriesRecords(have)
	if len(have) == n && !produce {
		fr.r += n
		fr.inside.Store(false)
		return frame{data: have}, nil
	}
	f, err := fr.take(ctx, n, produce)
	if err == nil {
		err = fr.rest(ctx, f, n)
	}
	if err != nil {
		f.release()
		return frame{}, err
	}
	f.data = f.data[:n]
	return f, nil
}

// take gets memory for a request of n bytes, and for some more behind it; of the
// shared memory only the first piece, the rest follows as the bytes do.
func (fr *frameReader) take(ctx context.Context, n int, produce bool) (frame, error) {
	pool := fr.memory.others
	switch {
	case produce:
		pool = fr.memory.produce
	case n <= ownFrameMax:
		return frame{data: make([]byte, n+readAhead)}, nil
	}
	fr.waiting.Store(true)
	defer fr.waiting.Store(false)
	if err := fr.memory.room(produce); err != nil {
		return frame{}, err
	}
	b, err := pool.Begin(ctx, n+readAhead)
	if err != nil {
		return frame{}, fmt.Errorf("memory for a frame of %d bytes: %w", n, err)
	}
	fr.got(b.Ready())
	fr.held.Store(b)
	return frame{data: b.B, owner: b}, nil
}

// got begins the time that the client has for a piece of its request.
func (fr *frameReader) got(piece int) {
	now := fr.memory.now()
	fr.due.Store(now.Add(pieceMax + time.Duration(piece/leastRate)*time.Second).UnixNano())
	fr.moved.Store(now.UnixNano())
}

// more waits for memory for the next piece of a request of which all that there
// is memory for has come.
func (fr *frameReader) more(ctx context.Context, b *span.Buffer) error {
	fr.waiting.Store(true)
	defer fr.waiting.Store(false)
	had := b.Ready()
	if err := b.Grow(ctx); err != nil {
		return fmt.Errorf("memory for a frame: %w", err)
	}
	fr.got(b.Ready() - had)
	return nil
}

// rest reads what is left of a request of n bytes into its memory, which is
// longer.
func (fr *frameReader) rest(ctx context.Context, f frame, n int) error {
	mem, ready := f.data, len(f.data)
	k := copy(mem[:n], fr.buf[fr.r:fr.w])
	fr.r += k
	for k < n {
		if f.owner != nil {
			if k == f.owner.Ready() {
				if err := fr.more(ctx, f.owner); err != nil {
					return err
				}
			}
			ready = f.owner.Ready()
		}
		m, err := fr.src.Read(mem[k:ready])
		k += m
		fr.total.Add(int64(m))
		if err != nil && k < n {
			return fmt.Errorf("frame of %d bytes ended after %d: %w", n, k, noEOF(err))
		}
		fr.moved.Store(fr.memory.now().UnixNano())
	}
	fr.due.Store(fr.memory.now().Add(fr.memory.patience(n)).UnixNano())
	fr.moved.Store(0)
	if k > n {
		// The read went on into the next request, which saves a system call.
		fr.r, fr.w = 0, copy(fr.buf, mem[n:k])
	}
	fr.inside.Store(fr.w > fr.r)
	return nil
}

// admitted ends the time that a request has for being read and let in.
func (fr *frameReader) admitted() {
	if fr.held.Load() != nil {
		fr.held.Store(nil)
	}
}

// late reports whether others wait for the memory of a request that has had its
// time, or of which nothing comes any more.
func (fr *frameReader) late(now time.Time) bool {
	if fr.waiting.Load() {
		return false // for memory itself: its client can do nothing
	}
	b, moved := fr.held.Load(), fr.moved.Load()
	still := moved != 0 && now.UnixNano()-moved >= int64(stillMax)
	return b != nil && (still || now.UnixNano() >= fr.due.Load()) && b.Wanted()
}

// filling reports whether the client is in the middle of a request that holds
// shared memory.
func (fr *frameReader) filling() bool {
	return fr.held.Load() != nil && fr.moved.Load() != 0 && !fr.waiting.Load()
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

// carriesRecords knows the requests whose bytes go to the log, which keeps them
// longer than the connection's own buffer does.
func carriesRecords(frame []byte) bool {
	return protocol.Key(binary.BigEndian.Uint16(frame)) == protocol.KeyProduce
}

// noEOF turns an end in the middle of something into what it is.
func noEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // Read returns it bare.
		return io.ErrUnexpectedEOF
	}
	return err
}
