package span

import (
	"errors"
	"io"
)

// copyChunk is what is read before it is written, and with a stall limit the
// least that a client has to take in that time.
const copyChunk = 64 << 10

// copySpans writes what cannot be left to the kernel. Without a raw socket it
// writes the rest of the list, gathering small spans so that TLS does not make
// a record of each; else only the span under the cursor.
func (w *Writer) copySpans() {
	rest := 0
	for i := w.cur.i; i < len(w.cur.spans) && rest < copyChunk; i++ {
		rest += w.cur.spans[i].N
	}
	buf := make([]byte, min(rest, copyChunk))
	for w.err == nil && !w.cur.done() && (w.raw == nil || w.cur.copying()) {
		chunk := w.wholeChunk()
		if chunk == nil {
			n, err := w.gather(buf)
			if err != nil {
				w.err = err
				return
			}
			chunk = buf[:n]
		}
		if w.err = w.stall.renew(); w.err != nil {
			return
		}
		n, err := w.w.Write(chunk)
		w.written += int64(n)
		w.err = err
	}
}

// wholeChunk returns a chunk of a memory span that is too large to be worth a
// copy, and moves the cursor past it.
func (w *Writer) wholeChunk() []byte {
	s, off := w.cur.span(), w.cur.off
	if s.Mem == nil || s.N-off < copyChunk {
		return nil
	}
	w.cur.advance(copyChunk)
	return s.Mem[off : off+copyChunk]
}

// gather fills buf from the cursor on and moves the cursor past it.
func (w *Writer) gather(buf []byte) (int, error) {
	n := 0
	for n < len(buf) && !w.cur.done() {
		s := w.cur.span()
		want := min(len(buf)-n, s.N-w.cur.off)
		switch {
		case s.Mem != nil:
			copy(buf[n:n+want], s.Mem[w.cur.off:])
		default:
			got, err := s.File.ReadAt(buf[n:n+want], s.Off+int64(w.cur.off))
			if got < want {
				if err == nil || errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return n, err
			}
		}
		n += want
		one := w.cur.copyThis
		w.cur.advance(want)
		if one && !w.cur.copyThis {
			return n, nil
		}
	}
	return n, nil
}
