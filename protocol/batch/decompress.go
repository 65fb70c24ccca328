package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compressed records are read as a stream: what a batch holds is never in
// memory as a whole, only a record of it and what its codec looks back at. A
// few kilobytes may hold hundreds of megabytes, and any number of clients may
// send them at the same time, so no more than inflatingMax are read at once.
const (
	inflatingMax = 2

	// zstdWindowMax is what a zstd stream may look back, which takes that much
	// memory: the window of level 19. Higher levels (up to 128 MiB) are only
	// read whole, up to wholeMax, and so are the blocks of snappy.
	zstdWindowMax = 8 << 20
	wholeMax      = 16 << 20

	// plainBytesMin is where a buffer for a whole starts; it grows by doubling as
	// bytes really come out, so a batch cannot claim memory.
	plainBytesMin = 64 << 10

	// emptyReadsMax is how often in a row a decoder may yield nothing.
	emptyReadsMax = 64
)

// The pools hold decoders between batches. They are caches: no result depends
// on what is in them. Nor does it on inflating, which only makes wait. It bounds
// the memory of the process, so an owner would have to be handed through all
// that reads records (validation, journals, compaction, tools) to say the same.
var (
	inflating = make(chan struct{}, inflatingMax)

	gzipPool = sync.Pool{New: func() any { return new(gzip.Reader) }}
	lz4Pool  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
	// A decoder with concurrency 1 starts no goroutines.
	zstdPool = sync.Pool{New: func() any {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			return err
		}
		return z
	}}
	// One decoder serves all goroutines; it starts none of its own for DecodeAll.
	zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxWindow(128<<20))
	})
)

// zstdBlockBytes is the most that a block yields, and what the decoder wants above it.
const zstdBlockBytes = 128<<10 + 1<<10

// errLimit is returned by decoders that would exceed their limit.
var errLimit = errors.New("limit")

// Inflate hands the uncompressed form of src to use, as a stream of at most
// limit bytes. Once use has read all it is not given more, so it must read
// until io.EOF to know that there is none.
func Inflate(c Codec, src []byte, limit int, use func(io.Reader) error) error {
	inflating <- struct{}{}
	defer func() { <-inflating }()
	through := func(r io.Reader) error {
		return use(&limited{r: r, left: limit, codec: c, size: len(src), limit: limit})
	}
	switch c {
	case None:
		return through(bytes.NewReader(src))
	case Gzip:
		z := gzipPool.Get().(*gzip.Reader)
		defer gzipPool.Put(z)
		if err := z.Reset(bytes.NewReader(src)); err != nil {
			return damaged(c, len(src), limit, err)
		}
		return through(z)
	case Snappy:
		return through(&snappyReader{src: src, limit: min(limit, wholeMax)})
	case LZ4:
		z := lz4Pool.Get().(*lz4.Reader)
		defer lz4Pool.Put(z)
		z.Reset(bytes.NewReader(src))
		defer z.Reset(nil) // gives its block buffers back
		return through(z)
	case Zstd:
		return inflateZstd(src, limit, through)
	}
	return fmt.Errorf("%w: number %d, the largest is %d (zstd)", ErrCodec, c, Zstd)
}

// inflateZstd reads a frame with a small window as a stream.
func inflateZstd(src []byte, limit int, through func(io.Reader) error) error {
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return damaged(Zstd, len(src), limit, err)
	}
	if h.SingleSegment && h.FrameContentSize > zstdWindowMax || !h.SingleSegment && h.WindowSize > zstdWindowMax {
		most := min(limit, wholeMax)
		whole, err := unzstd(nil, src, most)
		if err != nil {
			return damaged(Zstd, len(src), most, err)
		}
		return through(bytes.NewReader(whole))
	}
	got := zstdPool.Get()
	z, ok := got.(*zstd.Decoder)
	if !ok {
		return fmt.Errorf("zstd: %v", got)
	}
	defer zstdPool.Put(z)
	if err := z.Reset(bytes.NewReader(src)); err != nil {
		return damaged(Zstd, len(src), limit, err)
	}
	return through(z)
}

// damaged gives an error of a decoder its place and its words.
func damaged(c Codec, size, limit int, err error) error {
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrCorrupt) {
		return err // It has words already.
	}
	if errors.Is(err, errLimit) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return fmt.Errorf("%w: %d bytes of %s hold more than %d uncompressed", ErrTooLarge, size, c, limit)
	}
	return fmt.Errorf("%w: %d bytes of %s cannot be uncompressed: %w", ErrCorrupt, size, c, err)
}

// limited ends a stream with ErrTooLarge behind limit bytes.
type limited struct {
	r           io.Reader
	left        int
	empty       int // reads in a row that yielded nothing
	codec       Codec
	size, limit int
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if len(p) > l.left+1 {
		p = p[:l.left+1] // one byte beyond the limit shows that there is more
	}
	n, err := l.r.Read(p)
	if n > l.left {
		n, err = l.left, errLimit
	}
	l.left -= n
	if l.empty++; n > 0 || len(p) == 0 {
		l.empty = 0
	}
	if err == nil && l.empty > emptyReadsMax {
		err = io.ErrNoProgress
	}
	if err == nil || err == io.EOF {
		return n, err //nolint:wrapcheck // As readers do.
	}
	return n, damaged(l.codec, l.size, l.limit, err)
}

// grow makes room for n more bytes.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return append(make([]byte, 0, len(dst)+n), dst...)
}

// unzstd tries with more and more room, as a frame may claim any size; that
// costs at most as much again as the last try. There is always room for one
// block more, since the decoder does not say which error is for want of room:
// it is one if more came out than was asked for.
func unzstd(dst, src []byte, limit int) ([]byte, error) {
	z, err := zstdDecoder()
	if err != nil {
		return dst, err
	}
	for room := min(limit, max(plainBytesMin, 4*len(src))); ; room = min(limit, 2*room) {
		dst = grow(dst, room+zstdBlockBytes)
		out, err := z.DecodeAll(src, dst[:len(dst):len(dst)+room+zstdBlockBytes])
		size := len(out) - len(dst)
		switch {
		case err == nil && size <= limit:
			return out, nil
		case err != nil && !errors.Is(err, zstd.ErrDecoderSizeExceeded) && size <= room:
			return dst, err
		case err == nil || room == limit:
			return dst, errLimit
		}
	}
}

// xerial is the head of snappy's framing by the Java library that Kafka uses:
// eight bytes of magic, two version numbers, then blocks behind their lengths.
const (
	xerialMagic    = "\x82SNAPPY\x00"
	xerialHeadSize = len(xerialMagic) + 4 + 4
)

// snappyReader reads both forms that clients send: xerial's blocks, or one
// block. A block is uncompressed as a whole; xerial's have 32 KiB.
type snappyReader struct {
	src    []byte
	limit  int // of what a block may hold
	xerial bool
	begun  bool
	block  []byte
	plain  []byte // the part of block that was not read yet
}

// Read implements io.Reader.
func (r *snappyReader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 {
		if r.begun && (!r.xerial || len(r.src) == 0) {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// next uncompresses one block.
func (r *snappyReader) next() error {
	if !r.begun {
		r.begun = true
		r.xerial = len(r.src) >= xerialHeadSize && string(r.src[:len(xerialMagic)]) == xerialMagic
		if r.xerial {
			r.src = r.src[xerialHeadSize:]
			return nil
		}
	}
	block := r.src
	if r.xerial {
		if len(r.src) < 4 {
			return fmt.Errorf("%d bytes where a block's length was expected", len(r.src))
		}
		size := int(binary.BigEndian.Uint32(r.src))
		r.src = r.src[4:]
		if size > len(r.src) {
			return fmt.Errorf("a block of %d bytes, %d are there", size, len(r.src))
		}
		block, r.src = r.src[:size], r.src[size:]
	}
	var err error
	r.block, err = unsnappyBlock(r.block[:0], block, r.limit)
	if r.plain = r.block; err != nil {
		return damaged(Snappy, len(block), r.limit, err)
	}
	return nil
}

// snappyRatioMax is above what snappy can do: a copy of 64 bytes costs 3.
const snappyRatioMax = 22

func unsnappyBlock(dst, src []byte, limit int) ([]byte, error) {
	size, err := s2.DecodedLen(src)
	switch {
	case err != nil:
		return dst, err
	case size > limit:
		return dst, errLimit
	case size > snappyRatioMax*len(src):
		return dst, fmt.Errorf("a block of %d bytes claims to hold %d", len(src), size)
	}
	dst = grow(dst, size)
	if _, err = s2.Decode(dst[len(dst):len(dst)+size], src); err != nil {
		return dst, err
	}
	return dst[:len(dst)+size], nil
}
