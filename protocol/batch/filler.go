package batch

import (
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Topics that were imported have their records at the offsets of their source, of which
// some have no record. A partition's batches follow each other without gaps all the
// same: a batch is wider than its records, or a filler stands there.

// FillerMax is how many offsets a filler takes at most.
const FillerMax = 1 << 30

// AppendFiller appends to dst a batch that takes n offsets from base on, up to
// FillerMax, and holds no record for consumers: a marker of no transaction, without a
// producer. Its record says commit, of which clients know that there is nothing to do.
// The timestamp counts for retention by time, in milliseconds since 1970.
func AppendFiller(dst []byte, base model.Offset, n int, timestamp int64) []byte {
	if n < 1 || n > FillerMax {
		panic(fmt.Sprintf("batch: a filler of %d offsets", n))
	}
	at := len(dst)
	dst = AppendMarker(dst, &Marker{Producer: -1, Epoch: -1, Commit: true, Timestamp: timestamp})
	b := dst[at:]
	SetBaseOffset(b, base)
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(controlBit))
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(n-1))
	sealCRC(b)
	return dst
}

// isFiller reports whether an intact batch is one that AppendFiller makes.
func isFiller(b []byte, h *Header) bool {
	if !h.IsControl() || h.LastOffsetDelta < 0 || h.LastOffsetDelta >= FillerMax {
		return false
	}
	made := AppendFiller(nil, h.BaseOffset, int(h.LastOffsetDelta)+1, h.MaxTimestamp)
	return h.Size == len(made) && h.CRC == binary.BigEndian.Uint32(made[atCRC:]) && string(b[HeaderSize:h.Size]) == string(made[HeaderSize:])
}

// Widen makes the batch at the start of b, of a header h that it brings up to date,
// one of an import: it takes all offsets below end, and is forgotten to be of a
// producer, a transaction, or of a compaction. Its records stay as they are. The CRC
// must have been checked, and the batch must be no control batch.
func Widen(b []byte, h *Header, end model.Offset) error {
	delta := end - 1 - h.BaseOffset
	if delta < model.Offset(h.LastOffsetDelta) || delta >= FillerMax && delta > model.Offset(h.LastOffsetDelta) {
		return fmt.Errorf("%w: offsets %d to %d cannot become %d to %d", ErrInvalid, h.BaseOffset, h.LastOffset(), h.BaseOffset, end-1)
	}
	h.LastOffsetDelta, h.LeaderEpoch = int32(delta), -1
	h.Attributes &^= transactionalBit | deleteHorizonBit | unusedAttributes
	h.ProducerID, h.ProducerEpoch, h.BaseSequence = -1, -1, -1
	SetLeaderEpoch(b, h.LeaderEpoch)
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(h.Attributes))
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(delta))
	binary.BigEndian.PutUint64(b[atProducerID:], uint64(h.ProducerID))
	binary.BigEndian.PutUint16(b[atProducerEpoch:], uint16(h.ProducerEpoch))
	binary.BigEndian.PutUint32(b[atBaseSequence:], uint32(h.BaseSequence))
	h.CRC = sealCRC(b[:h.Size])
	return nil
}

// ValidateImported checks a batch that an importer sent: its CRC, and what Widen and
// AppendFiller leave. The records in it are not looked at; Records does.
func ValidateImported(b []byte, h *Header) error {
	if err := Verify(b, h); err != nil {
		return err
	}
	switch {
	case h.IsControl() && !isFiller(b, h):
		return fmt.Errorf("%w: a control batch that is imported may take offsets, and no more", ErrInvalid)
	case h.Attributes&(transactionalBit|deleteHorizonBit|unusedAttributes) != 0 || h.ProducerID != -1 || h.ProducerEpoch != -1 || h.BaseSequence != -1:
		return fmt.Errorf("%w: a batch that is imported is of no producer, transaction or compaction; attributes are %#04x, the producer id %d",
			ErrInvalid, uint16(h.Attributes), h.ProducerID)
	case !h.Codec().Known():
		return fmt.Errorf("%w: number %d, the largest is %d (zstd)", ErrCodec, h.Codec(), Zstd)
	case h.Records < 1 || h.LastOffsetDelta < h.Records-1:
		return fmt.Errorf("%w: %d records at %d offsets", ErrInvalid, h.Records, int64(h.LastOffsetDelta)+1)
	case h.BaseOffset < 0 || h.LastOffset() < h.BaseOffset:
		return fmt.Errorf("%w: base offset is %d", ErrInvalid, h.BaseOffset)
	}
	return nil
}
