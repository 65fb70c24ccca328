package batch

import (
	"fmt"
	"hash/crc32"
)

// castagnoli is the polynomial of CRC32C, which processors compute themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Verify checks that the batch of header h at the start of b is what was
// written, by the batch's own CRC. It covers everything but the prefix.
func Verify(b []byte, h *Header) error {
	if got := crc32.Checksum(b[atAttributes:h.Size], castagnoli); got != h.CRC {
		return fmt.Errorf("%w: CRC32C of its bytes is %#08x, the header says %#08x", ErrCorrupt, got, h.CRC)
	}
	return nil
}

// PrefixCRC goes on with crc (0 at the start) over what the batch's own CRC
// leaves out: the first 21 bytes of the batch at the start of b. That CRC
// itself is among them, so both together cover every byte.
func PrefixCRC(crc uint32, b []byte) uint32 {
	return crc32.Update(crc, castagnoli, b[:PrefixSize])
}

// Validate checks a batch that a producer sent: its CRC, and everything in the
// header that Kafka demands. It does not look at the records; Records does. A
// producer that claims LogAppendTime is no error: the broker rewrites that.
func Validate(b []byte, h *Header) error {
	return validate(b, h, 0)
}

// ValidateInternal is Validate for a batch that the broker made: one with a
// producer id may be without a sequence, -1, as the offsets are that a
// transaction commits.
func ValidateInternal(b []byte, h *Header) error {
	return validate(b, h, -1)
}

func validate(b []byte, h *Header, sequenceMin int32) error {
	if err := Verify(b, h); err != nil {
		return err
	}
	if err := validateCounts(h); err != nil {
		return err
	}
	switch {
	case h.Attributes&producerForbidden != 0:
		return fmt.Errorf("%w: attributes are %#04x, a producer may set no more than %#04x "+
			"(control batches are the broker's)", ErrInvalid, uint16(h.Attributes), uint16(^producerForbidden))
	case !h.Codec().Known():
		return fmt.Errorf("%w: number %d, the largest is %d (zstd)", ErrCodec, h.Codec(), Zstd)
	}
	return validateProducer(h, sequenceMin)
}

// validateCounts checks that the numbers of records and of offsets agree.
func validateCounts(h *Header) error {
	switch {
	case h.Records < 1:
		return fmt.Errorf("%w: number of records is %d, at least 1 expected", ErrInvalid, h.Records)
	case h.LastOffsetDelta != h.Records-1:
		return fmt.Errorf("%w: last offset delta is %d, expected %d for %d records",
			ErrInvalid, h.LastOffsetDelta, h.Records-1, h.Records)
	case h.Codec() == None && int(h.Records) > (h.Size-HeaderSize)/recordSizeMin:
		return fmt.Errorf("%w: number of records is %d, but %d bytes hold %d at most",
			ErrInvalid, h.Records, h.Size-HeaderSize, (h.Size-HeaderSize)/recordSizeMin)
	}
	return nil
}

// validateProducer checks that what has a producer id has the rest too. The
// other way round nothing is asked: sarama and KafkaJS send sequence 0, and
// KafkaJS epoch 0, without a producer id.
func validateProducer(h *Header, sequenceMin int32) error {
	switch {
	case h.ProducerID < -1:
		return fmt.Errorf("%w: producer id is %d, at least -1 expected", ErrInvalid, h.ProducerID)
	case h.ProducerID == -1 && h.IsTransactional():
		return fmt.Errorf("%w: it is transactional, but has no producer id", ErrInvalid)
	case h.ProducerID >= 0 && h.BaseSequence < sequenceMin:
		return fmt.Errorf("%w: base sequence is %d, at least %d expected with producer id %d",
			ErrInvalid, h.BaseSequence, sequenceMin, h.ProducerID)
	case h.ProducerID >= 0 && h.ProducerEpoch < 0:
		return fmt.Errorf("%w: producer epoch is %d, at least 0 expected with producer id %d",
			ErrInvalid, h.ProducerEpoch, h.ProducerID)
	}
	return nil
}
