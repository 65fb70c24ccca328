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

// What is uncompressed grows by doubling from here as bytes really come out,
// so a batch cannot claim memory.
const plainBytesMin = 64 << 10

// Larger buffers are left to the garbage collector, so that one huge batch
// does not stay in memory.
const pooledBytesMax = 4 << 20

// The pools hold decoders and buffers between batches. They are caches: no
// result depends on what is in them.
var (
	plainPool = sync.Pool{New: func() any { b := make([]byte, 0, plainBytesMin); return &b }}
	gzipPool  = sync.Pool{New: func() any { return new(gzip.Reader) }}
	lz4Pool   = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
	// One decoder serves all goroutines; it starts none of its own for DecodeAll.
	zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxWindow(zstdWindowMax))
	})
)

const (
	zstdWindowMax  = 128 << 20       // the window of zstd's highest level, 22; it costs no memory here
	zstdBlockBytes = 128<<10 + 1<<10 // the most that a block yields, and what the decoder wants above it
)

// errLimit is returned by decoders that would exceed their limit.
var errLimit = errors.New("limit")

// decompressed hands the uncompressed form of src to use, and takes it back
// afterwards. At most limit bytes are made.
func decompressed(c Codec, src []byte, limit int, use func([]byte) error) error {
	p := plainPool.Get().(*[]byte)
	plain, err := Decompress((*p)[:0], c, src, limit)
	if err == nil {
		err = use(plain)
	}
	if cap(plain) <= pooledBytesMax {
		*p = plain[:0]
	}
	plainPool.Put(p)
	return err
}

// Decompress appends the uncompressed form of src to dst, limit bytes at most.
func Decompress(dst []byte, c Codec, src []byte, limit int) ([]byte, error) {
	var err error
	switch c {
	case None:
		if len(src) > limit {
			err = errLimit
		} else {
			dst = append(dst, src...)
		}
	case Gzip:
		dst, err = gunzip(dst, src, limit)
	case Snappy:
		dst, err = unsnappy(dst, src, limit)
	case LZ4:
		dst, err = unlz4(dst, src, limit)
	case Zstd:
		dst, err = unzstd(dst, src, limit)
	default:
		return dst, fmt.Errorf("%w: number %d, the largest is %d (zstd)", ErrCodec, c, Zstd)
	}
	switch {
	case errors.Is(err, errLimit):
		return dst, fmt.Errorf("%w: %d bytes of %s hold more than %d uncompressed", ErrTooLarge, len(src), c, limit)
	case err != nil:
		return dst, fmt.Errorf("%w: %d bytes of %s cannot be uncompressed: %w", ErrCorrupt, len(src), c, err)
	}
	return dst, nil
}

func gunzip(dst, src []byte, limit int) ([]byte, error) {
	z := gzipPool.Get().(*gzip.Reader)
	defer gzipPool.Put(z)
	if err := z.Reset(bytes.NewReader(src)); err != nil {
		return dst, err
	}
	return readAll(dst, z, limit)
}

func unlz4(dst, src []byte, limit int) ([]byte, error) {
	z := lz4Pool.Get().(*lz4.Reader)
	defer lz4Pool.Put(z)
	z.Reset(bytes.NewReader(src))
	dst, err := readAll(dst, z, limit)
	z.Reset(nil) // gives its block buffers back
	return dst, err
}

// readAll appends what r yields, growing dst as it comes.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	start := len(dst)
	for {
		if len(dst)-start > limit {
			return dst, errLimit
		}
		if len(dst) == cap(dst) {
			dst = grow(dst, max(plainBytesMin, len(dst)-start))
		}
		// One byte beyond the limit shows that there is more.
		room := dst[len(dst):min(cap(dst), start+limit+1)]
		n, err := r.Read(room)
		dst = dst[:len(dst)+n]
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && len(dst)-start <= limit:
			return dst, nil
		case errors.Is(err, io.EOF):
			return dst, errLimit
		default:
			return dst, err
		}
	}
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

// unsnappy reads both forms that clients send: xerial's blocks, or one block.
func unsnappy(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < xerialHeadSize || string(src[:len(xerialMagic)]) != xerialMagic {
		return unsnappyBlock(dst, src, limit)
	}
	src = src[xerialHeadSize:]
	start := len(dst)
	for len(src) > 0 {
		if len(src) < 4 {
			return dst, fmt.Errorf("%d bytes where a block's length was expected", len(src))
		}
		size := int(binary.BigEndian.Uint32(src))
		src = src[4:]
		if size > len(src) {
			return dst, fmt.Errorf("a block of %d bytes, %d are there", size, len(src))
		}
		var err error
		if dst, err = unsnappyBlock(dst, src[:size], limit-(len(dst)-start)); err != nil {
			return dst, err
		}
		src = src[size:]
	}
	return dst, nil
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
