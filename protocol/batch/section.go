package batch

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// SectionWriter takes records, and appends them to a batch in the form of its
// codec. Close returns the batch as it is then; it must be called once, after
// an error of Write too, and gives what the writer has used back.
type SectionWriter interface {
	io.Writer
	// Size is how many bytes the batch has so far: what the codec holds back is
	// not among them.
	Size() int
	Close() ([]byte, error)
}

// NewSectionWriter appends to dst.
func NewSectionWriter(c Codec, dst []byte) (SectionWriter, error) {
	switch c {
	case None:
		return &plainWriter{dst: dst}, nil
	case Gzip:
		return newStreamWriter(dst, gzipWriterPool.Get().(*gzip.Writer), func(z compressor) { gzipWriterPool.Put(z) }), nil
	case LZ4:
		return newStreamWriter(dst, lz4WriterPool.Get().(*lz4.Writer), func(z compressor) { lz4WriterPool.Put(z) }), nil
	case Snappy:
		return &snappyWriter{dst: appendXerialHead(dst)}, nil
	case Zstd:
		got := zstdWriterPool.Get()
		z, ok := got.(*zstd.Encoder)
		if !ok {
			return nil, fmt.Errorf("zstd: %v", got)
		}
		return newStreamWriter(dst, z, func(z compressor) { zstdWriterPool.Put(z) }), nil
	}
	return nil, fmt.Errorf("%w: number %d, the largest is %d (zstd)", ErrCodec, c, Zstd)
}

// plainWriter copies.
type plainWriter struct{ dst []byte }

// Write implements io.Writer.
func (w *plainWriter) Write(p []byte) (int, error) {
	w.dst = append(w.dst, p...)
	return len(p), nil
}

// Size implements SectionWriter.
func (w *plainWriter) Size() int { return len(w.dst) }

// Close implements SectionWriter.
func (w *plainWriter) Close() ([]byte, error) { return w.dst, nil }

// streamWriter writes through a compressor of a pool.
type streamWriter struct {
	compressor

	out     *bytes.Buffer
	release func(compressor)
}

func newStreamWriter(dst []byte, z compressor, release func(compressor)) *streamWriter {
	out := bytes.NewBuffer(dst)
	z.Reset(out)
	return &streamWriter{compressor: z, out: out, release: release}
}

// Size implements SectionWriter.
func (w *streamWriter) Size() int { return w.out.Len() }

// Close implements SectionWriter.
func (w *streamWriter) Close() ([]byte, error) {
	err := w.compressor.Close()
	w.Reset(io.Discard)
	w.release(w.compressor)
	return w.out.Bytes(), err //nolint:wrapcheck // A compressor's; it writes to memory.
}

// snappyWriter writes xerial's blocks.
type snappyWriter struct {
	dst, block []byte
}

// Write implements io.Writer.
func (w *snappyWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), xerialBlockBytes-len(w.block))
		w.block = append(w.block, rest[:n]...)
		rest = rest[n:]
		if len(w.block) == xerialBlockBytes {
			w.flush()
		}
	}
	return len(p), nil
}

func (w *snappyWriter) flush() {
	w.dst = appendXerialBlock(w.dst, w.block)
	w.block = w.block[:0]
}

// Size implements SectionWriter.
func (w *snappyWriter) Size() int { return len(w.dst) }

// Close implements SectionWriter.
func (w *snappyWriter) Close() ([]byte, error) {
	if len(w.block) > 0 {
		w.flush()
	}
	return w.dst, nil
}
