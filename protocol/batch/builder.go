package batch

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
)

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

	records        []byte
	count          int32
	firstTimestamp int64
	maxTimestamp   int64
}

// NewBuilder makes an empty builder for a batch without a producer id.
func NewBuilder(c Codec) *Builder {
	return &Builder{Codec: c, LeaderEpoch: -1, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
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
	r := binary.AppendVarint(b.records, int64(size))
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
	b.records = r
	b.count++
}

// Build appends the batch to dst. There must be a record.
func (b *Builder) Build(dst []byte) ([]byte, error) {
	if b.count == 0 {
		return dst, fmt.Errorf("%w: number of records is 0, at least 1 expected", ErrInvalid)
	}
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	dst, err := Compress(dst, b.Codec, b.records)
	if err != nil {
		return dst[:start], err
	}
	if size := len(dst) - start; size > math.MaxInt32 {
		return dst[:start], fmt.Errorf("%w: the batch has %d bytes, at most %d allowed", ErrTooLarge, size, math.MaxInt32)
	}
	b.writeHeader(dst[start:])
	sealCRC(dst[start:])
	return dst, nil
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
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
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
