package batch

import "strconv"

// Codec is a compression type, by its number in the attributes.
type Codec int8

// The codecs of Kafka.
const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
)

// Known reports whether Kafka has such a codec.
func (c Codec) Known() bool { return c >= None && c <= Zstd }

// String is the codec's name in Kafka's compression.type.
func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return "codec " + strconv.Itoa(int(c))
}

// The attribute bits.
const (
	codecMask         int16 = 0x07
	logAppendTimeBit  int16 = 0x08
	transactionalBit  int16 = 0x10
	controlBit        int16 = 0x20
	deleteHorizonBit  int16 = 0x40
	unusedAttributes  int16 = ^(codecMask | logAppendTimeBit | transactionalBit | controlBit | deleteHorizonBit)
	producerForbidden int16 = controlBit | deleteHorizonBit | unusedAttributes
)

// Codec is the compression type of the records.
func (h *Header) Codec() Codec { return Codec(h.Attributes & codecMask) }

// LogAppendTime reports whether MaxTimestamp, set by the broker, is the time
// of every record.
func (h *Header) LogAppendTime() bool { return h.Attributes&logAppendTimeBit != 0 }

// IsTransactional reports whether the batch belongs to a transaction.
func (h *Header) IsTransactional() bool { return h.Attributes&transactionalBit != 0 }

// IsControl reports whether the batch holds a control record, which clients
// do not hand to applications.
func (h *Header) IsControl() bool { return h.Attributes&controlBit != 0 }

// HasDeleteHorizon reports whether FirstTimestamp is the time from which
// compaction may drop the batch's tombstones.
func (h *Header) HasDeleteHorizon() bool { return h.Attributes&deleteHorizonBit != 0 }

// IsIdempotent reports whether the batch has a producer id, and so a place in
// its producer's sequence.
func (h *Header) IsIdempotent() bool { return h.ProducerID >= 0 }

// LastSequence is the sequence number of the last record, -1 without a producer
// id. Sequences go on with 0 after the largest int32.
func (h *Header) LastSequence() int32 {
	if !h.IsIdempotent() {
		return -1
	}
	return int32((int64(h.BaseSequence) + int64(h.LastOffsetDelta)) & 0x7fffffff)
}
