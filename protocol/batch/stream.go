package batch

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"sync"
)

const (
	// streamChunk is what is read at once; a larger record takes what it needs.
	streamChunk = 64 << 10
	// streamKept is how large a pooled buffer may be.
	streamKept = 1 << 20
)

// streamPool holds buffers between batches.
var streamPool = sync.Pool{New: func() any { return &window{buf: make([]byte, streamChunk)} }}

// window is the part of a stream of records that is in memory.
type window struct {
	src   io.Reader
	buf   []byte
	r, w  int   // buf[r:w] is read but not used
	ended error // why there is no more; io.EOF is the normal end
}

// streamRecords is eachRecord for records that come out of a decoder.
func streamRecords(src io.Reader, h *Header, do func(Record) error) error {
	win := streamPool.Get().(*window)
	*win = window{src: src, buf: win.buf}
	defer func() {
		*win = window{buf: win.buf}
		if len(win.buf) <= streamKept {
			streamPool.Put(win)
		}
	}()
	last := int32(-1)
	for i := range h.Records {
		rec, err := win.record()
		if err != nil {
			return err
		}
		f := fields{src: rec}
		if err := f.next(i, h, &last, do); err != nil {
			return err
		}
	}
	if win.fill(1); win.w == win.r && !errors.Is(win.ended, io.EOF) {
		return win.ended
	}
	return leftOver(win.w-win.r, h)
}

// record returns the bytes of the next record, length included, or what is
// left of the stream if that ends before the record does: the fields will tell
// what is missing.
func (win *window) record() ([]byte, error) {
	win.fill(binary.MaxVarintLen32)
	size, n := binary.Varint(win.buf[win.r:win.w])
	if n > 0 && size >= 0 && size <= math.MaxInt32 {
		win.fill(n + int(size))
		n += int(size)
	} else {
		n = win.w - win.r
	}
	if win.w-win.r < n || n == 0 {
		if !errors.Is(win.ended, io.EOF) && win.ended != nil {
			return nil, win.ended
		}
		n = win.w - win.r
	}
	rec := win.buf[win.r : win.r+n : win.r+n]
	win.r += n
	return rec, nil
}

// fill reads until n unused bytes are in the buffer or the stream has ended.
// The buffer grows by doubling, as bytes really come; src must not yield nothing
// for ever (see limited).
func (win *window) fill(n int) {
	for win.w-win.r < n && win.ended == nil {
		if win.r > 0 {
			win.w = copy(win.buf, win.buf[win.r:win.w])
			win.r = 0
		}
		if win.w == len(win.buf) {
			win.buf = append(win.buf, make([]byte, len(win.buf))...)
		}
		var m int
		m, win.ended = win.src.Read(win.buf[win.w:])
		win.w += m
	}
}
