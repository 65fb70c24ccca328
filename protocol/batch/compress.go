package batch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The compressors' pools; see the decompressors'.
var (
	gzipWriterPool = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}
	lz4WriterPool  = sync.Pool{New: func() any { return newLZ4Writer() }}
	zstdEncoder    = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithLowerEncoderMem(true))
	})
	// An encoder with concurrency 1 starts no goroutines. The window is smaller
	// than the level's own, for each encoder holds twice of it.
	zstdWriterPool = sync.Pool{New: func() any {
		z, err := zstd.NewWriter(io.Discard, zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWriterWindow))
		if err != nil {
			return err
		}
		return z
	}}
)

// zstdWriterWindow is how far a stream of zstd that is written here looks back.
const zstdWriterWindow = 1 << 20

// newLZ4Writer makes frames as Kafka's own clients do: small blocks that do not look
// back at each other, and no checksum of the whole.
func newLZ4Writer() *lz4.Writer {
	z := lz4.NewWriter(io.Discard)
	if err := z.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
		panic(fmt.Sprintf("batch: options of lz4: %v", err))
	}
	return z
}

// xerialBlockBytes is the block size of the Java library.
const xerialBlockBytes = 32 << 10

// Compress appends the compressed form of src, in the framing that every Kafka
// client reads, at the codec's default level.
func Compress(dst []byte, c Codec, src []byte) ([]byte, error) {
	switch c {
	case None:
		return append(dst, src...), nil
	case Gzip:
		z := gzipWriterPool.Get().(*gzip.Writer)
		defer gzipWriterPool.Put(z)
		return compressStream(dst, z, src)
	case LZ4:
		z := lz4WriterPool.Get().(*lz4.Writer)
		defer lz4WriterPool.Put(z)
		return compressStream(dst, z, src)
	case Snappy:
		return snappy(dst, src), nil
	case Zstd:
		z, err := zstdEncoder()
		if err != nil {
			return dst, err
		}
		return z.EncodeAll(src, dst), nil
	}
	return dst, fmt.Errorf("%w: number %d, the largest is %d (zstd)", ErrCodec, c, Zstd)
}

type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

func compressStream(dst []byte, z compressor, src []byte) ([]byte, error) {
	w := bytes.NewBuffer(dst)
	z.Reset(w)
	if _, err := z.Write(src); err != nil {
		return dst, err
	}
	if err := z.Close(); err != nil {
		return dst, err
	}
	return w.Bytes(), nil
}

// snappy writes xerial's framing: old Java consumers read no other.
func snappy(dst, src []byte) []byte {
	dst = appendXerialHead(dst)
	for len(src) > 0 {
		block := src[:min(len(src), xerialBlockBytes)]
		src = src[len(block):]
		dst = appendXerialBlock(dst, block)
	}
	return dst
}

func appendXerialHead(dst []byte) []byte {
	dst = append(dst, xerialMagic...)
	dst = binary.BigEndian.AppendUint32(dst, 1)  // version
	return binary.BigEndian.AppendUint32(dst, 1) // oldest version that can read it
}

func appendXerialBlock(dst, block []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(block)))
	out := s2.EncodeSnappy(dst[len(dst):cap(dst)], block)
	dst = dst[:len(dst)+len(out)]
	binary.BigEndian.PutUint32(dst[at:], uint32(len(out)))
	return dst
}
