package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// What can be wrong with a batch. The messages reach the users of Kafka
// clients: they name the field, what was expected and what was there.
var (
	// ErrTruncated: the bytes end before the batch does.
	ErrTruncated = errors.New("record batch is cut off")
	// ErrCorrupt: the bytes cannot be, or no longer are, what a client made.
	ErrCorrupt = errors.New("record batch is corrupt")
	// ErrMagic: the batch is of a message format older than v2.
	ErrMagic = errors.New("message format is not supported, only v2 is; use a client from Kafka 0.11 or later")
	// ErrInvalid: the bytes are intact, but say what a producer may not say.
	ErrInvalid = errors.New("record batch is invalid")
	// ErrCodec: the compression type does not exist.
	ErrCodec = errors.New("compression type is not supported")
	// ErrTooLarge: the records have more bytes, uncompressed, than the limit.
	ErrTooLarge = errors.New("records are too large")
)

// The header's fields, by their place in the batch. Numbers are big endian.
//
//	 0  base offset        int64   ┐
//	 8  length             int32   │ rest of the batch, in bytes: size - 12
//	12  leader epoch       int32   │ prefix: left out of the CRC, so that a
//	16  magic              int8    │ broker can set offset and epoch
//	17  CRC32C             uint32  ┘ of everything from 21 on
//	21  attributes         int16
//	23  last offset delta  int32
//	27  first timestamp    int64
//	35  max timestamp      int64
//	43  producer id        int64
//	51  producer epoch     int16
//	53  base sequence      int32
//	57  number of records  int32
//	61  records
const (
	atBaseOffset      = 0
	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21
	atLastOffsetDelta = 23
	atFirstTimestamp  = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atRecords         = 57
)

// sizeOverhead is what the length field does not count: base offset and itself.
const sizeOverhead = 12

// Magic is the one message format that is stored and served.
const Magic = 2

// Parse reads the header of the batch at the start of b, which may go on with
// more batches. The batch is known to lie in b whole; nothing else is checked.
func Parse(b []byte) (Header, error) {
	if len(b) <= atMagic {
		return Header{}, fmt.Errorf("%w: %d bytes, a header has %d", ErrTruncated, len(b), HeaderSize)
	}
	// The magic comes first: older formats have other fields elsewhere.
	switch magic := int8(b[atMagic]); {
	case magic == 0 || magic == 1:
		return Header{}, fmt.Errorf("%w (magic %d)", ErrMagic, magic)
	case magic != Magic:
		return Header{}, fmt.Errorf("%w: magic is %d, expected %d", ErrCorrupt, magic, Magic)
	}
	size := int(int32(binary.BigEndian.Uint32(b[atLength:]))) + sizeOverhead
	switch {
	case size < HeaderSize:
		return Header{}, fmt.Errorf("%w: length is %d, at least %d expected", ErrCorrupt, size-sizeOverhead, HeaderSize-sizeOverhead)
	case size > len(b):
		return Header{}, fmt.Errorf("%w: it has %d bytes, %d are there", ErrTruncated, size, len(b))
	}
	_ = b[HeaderSize-1] // one bounds check for all that follow
	return Header{
		BaseOffset:      model.Offset(binary.BigEndian.Uint64(b[atBaseOffset:])),
		Size:            size,
		LeaderEpoch:     model.LeaderEpoch(binary.BigEndian.Uint32(b[atLeaderEpoch:])),
		CRC:             binary.BigEndian.Uint32(b[atCRC:]),
		Attributes:      int16(binary.BigEndian.Uint16(b[atAttributes:])),
		LastOffsetDelta: int32(binary.BigEndian.Uint32(b[atLastOffsetDelta:])),
		FirstTimestamp:  int64(binary.BigEndian.Uint64(b[atFirstTimestamp:])),
		MaxTimestamp:    int64(binary.BigEndian.Uint64(b[atMaxTimestamp:])),
		ProducerID:      model.ProducerID(binary.BigEndian.Uint64(b[atProducerID:])),
		ProducerEpoch:   model.ProducerEpoch(binary.BigEndian.Uint16(b[atProducerEpoch:])),
		BaseSequence:    int32(binary.BigEndian.Uint32(b[atBaseSequence:])),
		Records:         int32(binary.BigEndian.Uint32(b[atRecords:])),
	}, nil
}

// Batch is a batch's header and all its bytes, the header's included.
type Batch struct {
	Header

	Bytes []byte
}

// Split walks over consecutive batches. After an error there are no more.
func Split(b []byte) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for rest := b; len(rest) > 0; {
			h, err := Parse(rest)
			if err != nil {
				yield(Batch{}, err)
				return
			}
			if !yield(Batch{Header: h, Bytes: rest[:h.Size:h.Size]}, nil) {
				return
			}
			rest = rest[h.Size:]
		}
	}
}
