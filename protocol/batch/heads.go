package batch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

// headsPool holds buffers between batches.
var headsPool = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, streamChunk) }}

// Heads is Records for those who look at no key's or value's bytes: what is not
// null is empty, and there are no headers. However large a compressed record
// is, it takes no memory.
func Heads(b []byte, h *Header, limit int, do func(Record) error) error {
	section := b[HeaderSize:h.Size]
	if h.Codec() == None {
		return eachRecord(section, h, do)
	}
	return Inflate(h.Codec(), section, limit, func(plain io.Reader) error {
		return headRecords(plain, h, do)
	})
}

// headRecords is streamRecords for heads.
func headRecords(src io.Reader, h *Header, do func(Record) error) error {
	r := headsPool.Get().(*bufio.Reader)
	r.Reset(src)
	defer func() {
		r.Reset(nil)
		headsPool.Put(r)
	}()
	s := headStream{src: r}
	last := int32(-1)
	for i := range h.Records {
		if err := s.next(i, h, &last, do); err != nil {
			return err
		}
	}
	_, err := r.Peek(1)
	switch {
	case err == nil:
		return leftOver(1, h)
	case errors.Is(err, io.EOF):
		return nil
	}
	return err //nolint:wrapcheck // Inflate's own.
}

// headStream reads the fields of records one after the other, like fields,
// without keeping what it has read.
type headStream struct {
	src  *bufio.Reader
	left int64 // of the record
	bad  *fieldError
	err  error // of the stream
}

// next reads one record.
func (s *headStream) next(i int32, h *Header, last *int32, do func(Record) error) error {
	var rec Record
	s.record(&rec)
	switch {
	case s.err != nil && !errors.Is(s.err, io.EOF):
		return s.err
	case s.bad != nil:
		return fmt.Errorf("%w: record %d of %d: %w", ErrCorrupt, i, h.Records, s.bad)
	}
	return rec.handOn(i, h, last, do)
}

func (s *headStream) record(rec *Record) {
	s.left = math.MaxInt32
	s.left = s.varint("length", 0, math.MaxInt32)
	s.skip("attributes", 1)
	rec.TimestampDelta = s.varint("timestamp delta", math.MinInt64, math.MaxInt64)
	rec.OffsetDelta = int32(s.varint("offset delta", 0, math.MaxInt32))
	rec.Key = s.named("key length")
	rec.Value = s.named("value length")
	for range s.varint("number of headers", 0, s.left/2) {
		if key := s.named("header key length"); key == nil && s.bad == nil {
			s.fail(fieldError{field: "header key length", got: -1})
		}
		s.named("header value length")
		if s.bad != nil {
			return
		}
	}
	if s.bad == nil && s.left != 0 {
		s.fail(fieldError{field: "length", got: s.left})
	}
}

func (s *headStream) fail(e fieldError) {
	if s.bad == nil {
		e.left = int(s.left)
		s.bad = &e
	}
}

// varint reads a zigzag varint of the record, which must lie within the bounds.
func (s *headStream) varint(field string, low, high int64) int64 {
	var u uint64
	for shift := 0; s.bad == nil; shift += 7 {
		c, err := s.src.ReadByte()
		if s.left--; err != nil || s.left < 0 || shift > 63 {
			s.err = err
			s.fail(fieldError{field: field, missing: true})
			return 0
		}
		if u |= uint64(c&0x7f) << shift; c < 0x80 {
			break
		}
	}
	n := int64(u>>1) ^ -int64(u&1)
	if s.bad != nil || n < low || n > high {
		s.fail(fieldError{field: field, got: n})
		return 0
	}
	return n
}

// named passes over a nullable byte field.
func (s *headStream) named(field string) []byte {
	n := s.varint(field, -1, math.MaxInt32)
	if n < 0 || s.bad != nil {
		return nil
	}
	s.skip(field, n)
	return []byte{}
}

func (s *headStream) skip(field string, n int64) {
	if s.bad != nil {
		return
	}
	if n > s.left {
		s.fail(fieldError{field: field, got: n})
		return
	}
	s.left -= n
	if _, err := s.src.Discard(int(n)); err != nil {
		s.err = err
		s.fail(fieldError{field: field, missing: true})
	}
}
