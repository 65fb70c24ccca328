package batch

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"
)

// recordSizeMin is the least record: seven fields of one byte, no key, value
// or headers.
const recordSizeMin = 7

// Record is one record of a batch. All bytes alias the batch or, if that is
// compressed, a buffer that is reused after the callback.
type Record struct {
	OffsetDelta    int32
	TimestampDelta int64
	Key            []byte // nil is null, which is not the same as empty
	Value          []byte // nil is null: a tombstone where the topic is compacted

	headers     []byte // checked
	headerCount int
	raw         []byte // all of it, length included; only Records gives it
}

// HeaderCount is the number of headers.
func (r *Record) HeaderCount() int { return r.headerCount }

// Headers walks over keys and values; a nil value is null.
func (r *Record) Headers() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		f := fields{src: r.headers}
		for range r.headerCount {
			key, value := f.bytes(), f.bytes()
			if !yield(key, value) {
				return
			}
		}
	}
}

// Records calls do for each record of the batch of header h at the start of b,
// until do fails. Compressed records may have limit bytes when uncompressed,
// else ErrTooLarge; they are read as they come, so do has seen those within the
// limit by then. Uncompressed ones cost no allocation.
//
// Every record is checked to lie within its length and the batch, and offset
// deltas to ascend up to the header's; what do sees of a damaged batch before
// the error is sound by itself.
func Records(b []byte, h *Header, limit int, do func(Record) error) error {
	section := b[HeaderSize:h.Size]
	if h.Codec() == None {
		return eachRecord(section, h, do)
	}
	return Inflate(h.Codec(), section, limit, func(plain io.Reader) error {
		return streamRecords(plain, h, do)
	})
}

func eachRecord(src []byte, h *Header, do func(Record) error) error {
	f := fields{src: src}
	last := int32(-1)
	for i := range h.Records {
		if err := f.next(i, h, &last, do); err != nil {
			return err
		}
	}
	return leftOver(len(f.src), h)
}

// next reads the record of number i, and hands it on.
func (f *fields) next(i int32, h *Header, last *int32, do func(Record) error) error {
	var rec Record
	f.record(&rec)
	if f.bad != nil {
		return fmt.Errorf("%w: record %d of %d: %w", ErrCorrupt, i, h.Records, f.bad)
	}
	return rec.handOn(i, h, last, do)
}

// handOn gives a sound record to do, if it comes in order.
func (r Record) handOn(i int32, h *Header, last *int32, do func(Record) error) error {
	if r.OffsetDelta <= *last || r.OffsetDelta > h.LastOffsetDelta {
		return fmt.Errorf("%w: record %d of %d: offset delta is %d, expected %d to %d",
			ErrInvalid, i, h.Records, r.OffsetDelta, *last+1, h.LastOffsetDelta)
	}
	*last = r.OffsetDelta
	return do(r)
}

func leftOver(n int, h *Header) error {
	if n != 0 {
		return fmt.Errorf("%w: %d bytes follow the last of %d records", ErrInvalid, n, h.Records)
	}
	return nil
}

// fieldError says which field of a record is wrong. The record's number is
// added by the caller.
type fieldError struct {
	field   string
	missing bool // or not a number
	got     int64
	left    int
}

func (e *fieldError) Error() string {
	if e.missing {
		return e.field + " is missing or has no end"
	}
	return fmt.Sprintf("%s is %d, with %d bytes left", e.field, e.got, e.left)
}

// fields reads the fields of records one after the other. Once a field was
// wrong, bad is set and everything else reads as 0.
type fields struct {
	src []byte
	bad *fieldError
}

// record reads a record, and requires that it ends where its length says.
func (f *fields) record(rec *Record) {
	all := f.src
	size := f.length("length", 0)
	if f.bad != nil {
		return
	}
	rest := f.src[size:]
	rec.raw = all[:len(all)-len(rest)]
	f.src = f.src[:size]
	f.skipByte() // attributes: without a meaning so far
	rec.TimestampDelta = f.varint("timestamp delta", math.MinInt64, math.MaxInt64)
	rec.OffsetDelta = int32(f.varint("offset delta", 0, math.MaxInt32))
	rec.Key = f.named("key length")
	rec.Value = f.named("value length")
	// A header is two bytes at least, so the count is bounded too.
	rec.headerCount = int(f.varint("number of headers", 0, int64(len(f.src)/2)))
	rec.headers = f.src
	for range rec.headerCount {
		if key := f.named("header key length"); key == nil && f.bad == nil {
			f.fail(fieldError{field: "header key length", got: -1})
		}
		f.named("header value length")
	}
	if f.bad == nil && len(f.src) != 0 {
		f.fail(fieldError{field: "length", got: int64(size)})
	}
	f.src = rest
}

func (f *fields) fail(e fieldError) {
	if f.bad == nil {
		e.left = len(f.src)
		f.bad = &e
	}
	f.src = nil
}

func (f *fields) skipByte() {
	if len(f.src) == 0 {
		f.fail(fieldError{field: "attributes", missing: true})
		return
	}
	f.src = f.src[1:]
}

// shortVarint reads a zigzag varint of one or two bytes, nearly all that there
// are, without a call; its size is 0 if it is none.
func shortVarint(b []byte) (int64, int) {
	switch {
	case len(b) > 0 && b[0] < 0x80:
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	case len(b) > 1 && b[1] < 0x80:
		u := int64(b[0]&0x7f) | int64(b[1])<<7
		return u>>1 ^ -(u & 1), 2
	}
	return 0, 0
}

// varint reads a zigzag varint, which must lie within the bounds.
func (f *fields) varint(field string, low, high int64) int64 {
	n, size := shortVarint(f.src)
	if size == 0 {
		if n, size = binary.Varint(f.src); size <= 0 {
			f.fail(fieldError{field: field, missing: true})
			return 0
		}
	}
	f.src = f.src[size:]
	if n < low || n > high {
		f.fail(fieldError{field: field, got: n})
		return 0
	}
	return n
}

// length reads a length that the bytes after it must bear out.
func (f *fields) length(field string, low int64) int {
	n := f.varint(field, low, math.MaxInt32)
	if n > int64(len(f.src)) {
		f.fail(fieldError{field: field, got: n})
		return 0
	}
	return int(n)
}

// named reads a nullable byte field.
func (f *fields) named(field string) []byte {
	n := f.length(field, -1)
	if n < 0 || f.bad != nil {
		return nil
	}
	b := f.src[:n:n]
	f.src = f.src[n:]
	return b
}

// bytes reads a nullable byte field that was checked before.
func (f *fields) bytes() []byte { return f.named("") }
