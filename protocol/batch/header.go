package batch

import "github.com/mainstem-mq/mainstem/internal/model"

// HeaderSize is the length of a record batch v2's fixed part: everything
// before the (possibly compressed) records.
const HeaderSize = 61

// PrefixSize is the length of what Kafka's CRC leaves out: base offset, batch
// length, leader epoch, magic and the CRC itself. The broker rewrites base
// offset and leader epoch there without touching the CRC.
const PrefixSize = 21

// Header is a decoded batch header. Attribute bits are decoded by methods
// (Codec, IsControl, IsTransactional, LogAppendTime).
type Header struct {
	BaseOffset      model.Offset
	Size            int // whole batch in bytes: the length field + 12
	LeaderEpoch     model.LeaderEpoch
	CRC             uint32
	Attributes      int16
	LastOffsetDelta int32
	FirstTimestamp  int64 // milliseconds since 1970, as the producer wrote it
	MaxTimestamp    int64
	ProducerID      model.ProducerID
	ProducerEpoch   model.ProducerEpoch
	BaseSequence    int32
	Records         int32
}

// LastOffset is the offset of the batch's last record.
func (h *Header) LastOffset() model.Offset { return h.BaseOffset + model.Offset(h.LastOffsetDelta) }
