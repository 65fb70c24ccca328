package batch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// RecordOverhead is the most that a record without headers takes beside its key
// and value: six numbers and the attributes.
const RecordOverhead = 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1

var errNoRecords = fmt.Errorf("%w: number of records is 0, at least 1 expected", ErrInvalid)

// RecordHeader is a key and value that accompany a record.
type RecordHeader struct {
	Key   string
	Value []byte // nil is null
}

// Builder makes a batch from records: the coordinators' journals, and tests.
// Set the fields before the first Add.
type Builder struct {
	Codec         Codec
	BaseOffset    model.Offset
	LeaderEpoch   model.LeaderEpoch
	ProducerID    model.ProducerID // -1 is none; NewBuilder sets that
	ProducerEpoch model.ProducerEpoch
	BaseSequence  int32
	Transactional bool
	Control       bool

	buf            []byte // room for the header, then the records
	count          int32
	firstTimestamp int64
	maxTimestamp   int64
}

// NewBuilder makes an empty builder for a batch without a producer id.
func NewBuilder(c Codec) *Builder {
	return &Builder{Codec: c, LeaderEpoch: -1, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
}

// Grow makes room for so many bytes of records, so that adding them takes no
// other memory. A record takes its keys and values and RecordOverhead at most;
// headers come on top.
func (b *Builder) Grow(n int) {
	if len(b.buf) == 0 {
		b.buf = make([]byte, HeaderSize, HeaderSize+n)
		return
	}
	b.buf = slices.Grow(b.buf, n)
}

// Add appends a record with a timestamp in milliseconds since 1970. A nil key
// or value is null. Nothing is kept of the arguments.
func (b *Builder) Add(timestamp int64, key, value []byte, headers ...RecordHeader) {
	if b.count == 0 {
		b.firstTimestamp, b.maxTimestamp = timestamp, timestamp
	}
	b.maxTimestamp = max(b.maxTimestamp, timestamp)
	size := 1 + varintLen(timestamp-b.firstTimestamp) + varintLen(int64(b.count)) +
		bytesLen(key) + bytesLen(value) + varintLen(int64(len(headers)))
	for _, h := range headers {
		size += varintLen(int64(len(h.Key))) + len(h.Key) + bytesLen(h.Value)
	}
	if len(b.buf) == 0 {
		b.Grow(size + binary.MaxVarintLen32)
	}
	r := binary.AppendVarint(b.buf, int64(size))
	r = append(r, 0) // attributes
	r = binary.AppendVarint(r, timestamp-b.firstTimestamp)
	r = binary.AppendVarint(r, int64(b.count))
	r = appendBytes(r, key)
	r = appendBytes(r, value)
	r = binary.AppendVarint(r, int64(len(headers)))
	for _, h := range headers {
		r = binary.AppendVarint(r, int64(len(h.Key)))
		r = append(r, h.Key...)
		r = appendBytes(r, h.Value)
	}
	b.buf = r
	b.count++
}

// Build appends the batch to dst. There must be a record.
func (b *Builder) Build(dst []byte) ([]byte, error) {
	if b.count == 0 {
		return dst, errNoRecords
	}
	start := len(dst)
	out, err := Compress(append(dst, make([]byte, HeaderSize)...), b.Codec, b.buf[HeaderSize:])
	if err != nil {
		return dst, err
	}
	if err := b.seal(out[start:]); err != nil {
		return dst, err
	}
	return out, nil
}

// Take is Build for a batch of its own: one that is not compressed is made in the
// builder's memory, without a copy, and the builder is empty then.
func (b *Builder) Take() ([]byte, error) {
	if b.Codec != None {
		return b.Build(nil)
	}
	if b.count == 0 {
		return nil, errNoRecords
	}
	out := b.buf
	err := b.seal(out)
	b.buf, b.count = nil, 0
	return out, err
}

// seal completes a batch whose header is only room so far.
func (b *Builder) seal(out []byte) error {
	if len(out) > math.MaxInt32 {
		return fmt.Errorf("%w: the batch has %d bytes, at most %d allowed", ErrTooLarge, len(out), math.MaxInt32)
	}
	b.writeHeader(out)
	sealCRC(out)
	return nil
}

func (b *Builder) writeHeader(dst []byte) {
	put16, put32, put64 := binary.BigEndian.PutUint16, binary.BigEndian.PutUint32, binary.BigEndian.PutUint64
	attributes := int16(b.Codec)
	if b.Transactional {
		attributes |= transactionalBit
	}
	if b.Control {
		attributes |= controlBit
	}
	put64(dst[atBaseOffset:], uint64(b.BaseOffset))
	put32(dst[atLength:], uint32(len(dst)-sizeOverhead))
	put32(dst[atLeaderEpoch:], uint32(b.LeaderEpoch))
	dst[atMagic] = Magic
	put16(dst[atAttributes:], uint16(attributes))
	put32(dst[atLastOffsetDelta:], uint32(b.count-1))
	put64(dst[atFirstTimestamp:], uint64(b.firstTimestamp))
	put64(dst[atMaxTimestamp:], uint64(b.maxTimestamp))
	put64(dst[atProducerID:], uint64(b.ProducerID))
	put16(dst[atProducerEpoch:], uint16(b.ProducerEpoch))
	put32(dst[atBaseSequence:], uint32(b.BaseSequence))
	put32(dst[atRecords:], uint32(b.count))
}

// appendBytes appends a nullable byte field; its length is a varint.
func appendBytes(dst, b []byte) []byte {
	return append(appendBytesLen(dst, b), b...)
}

// appendBytesLen appends the length of a nullable byte field.
func appendBytesLen(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return binary.AppendVarint(dst, int64(len(b)))
}

func bytesLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

func varintLen(n int64) int {
	size := 1
	for u := uint64(n)<<1 ^ uint64(n>>63); u >= 0x80; u >>= 7 {
		size++
	}
	return size
}
