package batch

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Writer makes a batch of records that come one after the other, and does not keep
// them: they go through the codec at once. Builder is for what is small, or has
// more than keys and values.
type Writer struct {
	section SectionWriter
	start   int // of the batch in the section's bytes
	limit   int
	head    Builder // what the header will say
	prefix  []byte
}

// NewWriter begins a batch without a producer id, and appends it to dst. It may
// have limit bytes.
func NewWriter(dst []byte, c Codec, limit int) (*Writer, error) {
	w := &Writer{start: len(dst), limit: limit, head: *NewBuilder(c)}
	var header [HeaderSize]byte
	var err error
	if w.section, err = NewSectionWriter(c, append(dst, header[:]...)); err != nil {
		return nil, err
	}
	return w, nil
}

// Add appends a record with a timestamp in milliseconds since 1970. A nil key or
// value is null. After an error there must be no more than a Close.
func (w *Writer) Add(timestamp int64, key, value []byte) error {
	b := &w.head
	if b.count == 0 {
		b.firstTimestamp, b.maxTimestamp = timestamp, timestamp
	}
	b.maxTimestamp = max(b.maxTimestamp, timestamp)
	delta := timestamp - b.firstTimestamp
	const headers = 1 // the byte that says that there are none
	size := 1 + varintLen(delta) + varintLen(int64(b.count)) + bytesLen(key) + bytesLen(value) + headers
	if size > math.MaxInt32 {
		return fmt.Errorf("%w: record %d has %d bytes", ErrTooLarge, b.count, size)
	}
	p := binary.AppendVarint(w.prefix[:0], int64(size))
	p = append(p, 0) // attributes
	p = binary.AppendVarint(p, delta)
	p = binary.AppendVarint(p, int64(b.count))
	p = appendBytesLen(p, key)
	if err := w.write(p, key); err != nil {
		return err
	}
	p = appendBytesLen(p[:0], value)
	if err := w.write(p, value); err != nil {
		return err
	}
	w.prefix = append(p[:0], 0) // headers
	b.count++
	return w.write(w.prefix, nil)
}

// write hands on the length of a field, and the field.
func (w *Writer) write(length, field []byte) error {
	for _, part := range [...][]byte{length, field} {
		if len(part) == 0 {
			continue
		}
		if _, err := w.section.Write(part); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
	}
	return w.tooLarge(w.section.Size() - w.start)
}

func (w *Writer) tooLarge(size int) error {
	if size > w.limit {
		return fmt.Errorf("%w: the batch has more than %d bytes", ErrTooLarge, w.limit)
	}
	return nil
}

// Close ends the batch; it must be called once, whatever Add said. With an error dst
// comes back as it was.
func (w *Writer) Close() ([]byte, error) {
	out, err := w.section.Close()
	if err == nil {
		err = w.tooLarge(len(out) - w.start)
	}
	if err == nil && w.head.count == 0 {
		err = errNoRecords
	}
	if err == nil {
		err = w.head.seal(out[w.start:])
	}
	if err != nil {
		return out[:w.start], err
	}
	return out, nil
}
