package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// An entry is what the writer stores at one Position: a header of 96 bytes,
// the payload, and zeros up to the next multiple of 8. Numbers are little
// endian; the batches inside are big endian as Kafka has them.
//
//	 0        4    5    6      8          12         16
//	 +--------+----+----+------+----------+----------+
//	 | magic  |ver |kind|flags |header CRC|total size|
//	 +--------+----+----+------+----------+----------+
//	16                      24         28         32
//	 +-----------------------+----------+----------+
//	 | own Position          |   salt   |partition |
//	 +-----------------------+----------+----------+
//	32                      40                    48                    56
//	 +-----------------------+---------------------+---------------------+
//	 | base offset, argument | syncedPos           | append time, ms     |
//	 +-----------------------+---------------------+---------------------+
//	56          60          64           68            72           76
//	 +-----------+-----------+------------+-------------+------------+
//	 |last delta |leader ep. |payload len |batch count  |prefix CRC  |
//	 +-----------+-----------+------------+-------------+------------+
//	76          80                      88          92    93           96
//	 +-----------+-----------------------+-----------+-----+------------+
//	 |prev. part.|prev. base or argument |prev. delta|kind |size / 8    |
//	 +-----------+-----------------------+-----------+-----+------------+
//
// Why each odd choice:
//   - own Position and the segment's salt: a scan that lost its way searches the
//     8-byte grid, and must not take a copy of an entry inside a payload, or one
//     left over from an earlier life of the file, for an entry.
//   - the header CRC covers the header alone, so that an entry with a damaged
//     payload still says whose it is and where it ends.
//   - Kafka's own CRC covers a batch from its attributes on; the prefix CRC
//     covers what it leaves out (the first 21 bytes of every batch), or the
//     payload if the entry does not hold batches.
//   - the previous entry's identity: one entry whose header is damaged is always
//     known by its successor; its size tells that it was only one. The size fits
//     24 bits because it counts units of 8.
//   - syncedPos: the highest Position known durable when the entry was written;
//     it tells a torn tail from damage.
//
// A relocated entry has in front of its batches, as part of the payload and of
// the prefix CRC, the Position at which they were appended to the main log
// (8 bytes): a rebuild of the indexes takes it in there (copies.go). A cleaned
// entry has there what run it is of (cleaned_format.go).
const (
	entryMagic      = 0x316e744d // "Mtn1"
	entryVersion    = 2
	entryHeaderSize = 96
	entryAlign      = 8

	// entrySizeMax is what the 24 bits of the previous entry's size can say.
	entrySizeMax = (1<<24 - 1) * entryAlign
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entryIdentity is what an entry repeats of the one before it.
type entryIdentity struct {
	Partition  model.PartitionID
	Kind       Kind // 0: there is none
	BaseOffset model.Offset
	LastDelta  int32
}

// entryHeader is the decoded header of an entry.
type entryHeader struct {
	entryIdentity
	Flags      uint16
	Size       uint32 // header, payload and padding
	Position   Position
	Salt       uint32
	Synced     Position
	AppendTime int64
	Epoch      model.LeaderEpoch
	Payload    uint32
	Batches    uint32
	PrefixCRC  uint32

	Previous     entryIdentity
	PreviousSize uint32
}

// Errors that say why bytes are not an entry. The scan treats all alike; the
// dump and the tests want to know.
var (
	errEntryShort   = errors.New("shorter than an entry header")
	errEntryMagic   = errors.New("no entry magic")
	errEntryVersion = errors.New("unknown entry version")
	errEntryCRC     = errors.New("entry header CRC is wrong")
	errEntryFields  = errors.New("entry header contradicts itself")
	errEntryPlace   = errors.New("entry belongs to another place")
	errEntryPayload = errors.New("entry payload is damaged")
)

// entrySize is the whole size of an entry with n payload bytes.
func entrySize(n int) int { return (entryHeaderSize + n + entryAlign - 1) &^ (entryAlign - 1) }

// end is the Position behind the entry.
func (h *entryHeader) end() Position { return h.Position + Position(h.Size) }

// encode writes the header into b, which has room for entryHeaderSize bytes.
func (h *entryHeader) encode(b []byte) {
	le := binary.LittleEndian
	_ = b[entryHeaderSize-1]
	le.PutUint32(b, entryMagic)
	b[4], b[5] = entryVersion, byte(h.Kind)
	le.PutUint16(b[6:], h.Flags)
	le.PutUint32(b[12:], h.Size)
	le.PutUint64(b[16:], uint64(h.Position))
	le.PutUint32(b[24:], h.Salt)
	le.PutUint32(b[28:], uint32(h.Partition))
	le.PutUint64(b[32:], uint64(h.BaseOffset))
	le.PutUint64(b[40:], uint64(h.Synced))
	le.PutUint64(b[48:], uint64(h.AppendTime))
	le.PutUint32(b[56:], uint32(h.LastDelta))
	le.PutUint32(b[60:], uint32(h.Epoch))
	le.PutUint32(b[64:], h.Payload)
	le.PutUint32(b[68:], h.Batches)
	le.PutUint32(b[72:], h.PrefixCRC)
	le.PutUint32(b[76:], uint32(h.Previous.Partition))
	le.PutUint64(b[80:], uint64(h.Previous.BaseOffset))
	le.PutUint32(b[88:], uint32(h.Previous.LastDelta))
	le.PutUint32(b[92:], uint32(h.Previous.Kind)|h.PreviousSize/entryAlign<<8)
	le.PutUint32(b[8:], entryHeaderCRC(b))
}

func entryHeaderCRC(b []byte) uint32 {
	crc := crc32.Update(0, castagnoli, b[:8])
	return crc32.Update(crc, castagnoli, b[12:entryHeaderSize])
}

// decodeEntryHeader reads and checks a header: everything but its place and
// its payload.
func decodeEntryHeader(b []byte) (entryHeader, error) {
	if len(b) < entryHeaderSize {
		return entryHeader{}, errEntryShort
	}
	le := binary.LittleEndian
	if le.Uint32(b) != entryMagic {
		return entryHeader{}, errEntryMagic
	}
	if le.Uint32(b[8:]) != entryHeaderCRC(b) {
		return entryHeader{}, errEntryCRC
	}
	if b[4] != entryVersion {
		return entryHeader{}, fmt.Errorf("%w: %d", errEntryVersion, b[4])
	}
	h := entryHeader{
		entryIdentity: entryIdentity{
			Partition:  model.PartitionID(le.Uint32(b[28:])),
			Kind:       Kind(b[5]),
			BaseOffset: model.Offset(le.Uint64(b[32:])),
			LastDelta:  int32(le.Uint32(b[56:])),
		},
		Flags:      le.Uint16(b[6:]),
		Size:       le.Uint32(b[12:]),
		Position:   Position(le.Uint64(b[16:])),
		Salt:       le.Uint32(b[24:]),
		Synced:     Position(le.Uint64(b[40:])),
		AppendTime: int64(le.Uint64(b[48:])),
		Epoch:      model.LeaderEpoch(le.Uint32(b[60:])),
		Payload:    le.Uint32(b[64:]),
		Batches:    le.Uint32(b[68:]),
		PrefixCRC:  le.Uint32(b[72:]),
		Previous: entryIdentity{
			Partition:  model.PartitionID(le.Uint32(b[76:])),
			Kind:       Kind(b[92]),
			BaseOffset: model.Offset(le.Uint64(b[80:])),
			LastDelta:  int32(le.Uint32(b[88:])),
		},
		PreviousSize: le.Uint32(b[92:]) >> 8 * entryAlign,
	}
	return h, h.check()
}

// check refuses headers whose fields cannot be together. With a good CRC they
// come from a newer version or a bug, not from the disk.
func (h *entryHeader) check() error {
	switch {
	case h.Size > entrySizeMax || h.Payload > h.Size || int(h.Size) != entrySize(int(h.Payload)):
		return fmt.Errorf("%w: size %d, payload %d", errEntryFields, h.Size, h.Payload)
	case h.Kind < KindBatches || h.Kind > KindCleanedTo:
		return fmt.Errorf("%w: kind %d", errEntryFields, h.Kind)
	case h.Kind.holdsBatches() != (h.Batches > 0):
		return fmt.Errorf("%w: kind %d with %d batches", errEntryFields, h.Kind, h.Batches)
	case uint64(h.Batches)*batch.HeaderSize+uint64(h.Kind.batchesAt()) > uint64(h.Payload):
		return fmt.Errorf("%w: %d batches in %d bytes", errEntryFields, h.Batches, h.Payload)
	case h.LastDelta < 0 || h.BaseOffset < 0:
		return fmt.Errorf("%w: offset %d+%d", errEntryFields, h.BaseOffset, h.LastDelta)
	case h.Position > positionMax || h.Synced > h.Position:
		return fmt.Errorf("%w: at %d, synced %d", errEntryFields, h.Position, h.Synced)
	case h.Flags != 0:
		return fmt.Errorf("%w: flags %#x", errEntryFields, h.Flags)
	}
	return nil
}

// ownsPartition reports whether entries of this kind belong to a partition.
func (k Kind) ownsPartition() bool {
	return k >= KindBatches && k <= KindPartitionState || k == KindCleanedTo
}

// inMain reports whether entries of this kind stand in the main log.
func (k Kind) inMain() bool { return k >= KindBatches && k <= KindPad || k == KindCleanedTo }

// holdsBatches reports whether entries of this kind hold record batches.
func (k Kind) holdsBatches() bool {
	return k == KindBatches || k == KindRelocated || k == KindCleaned
}

// batchesAt is where in the payload the batches begin.
func (k Kind) batchesAt() uint32 {
	switch k {
	case KindRelocated:
		return originSize
	case KindCleaned:
		return cleanedPrefixSize
	case KindBatches, KindTruncate, KindLogStart, KindPartitionState, KindSyncMark, KindPad, KindCleanedTo:
	}
	return 0
}

// originSize is what stands in front of a relocated entry's batches.
const originSize = 8

// origin is the Position at which a relocated entry's batches were appended.
func origin(payload []byte) Position { return Position(binary.LittleEndian.Uint64(payload)) }

// String names the kind as the dump prints it.
func (k Kind) String() string {
	switch k {
	case KindBatches:
		return "batches"
	case KindTruncate:
		return "truncate"
	case KindLogStart:
		return "log-start"
	case KindPartitionState:
		return "partition-state"
	case KindSyncMark:
		return "sync-mark"
	case KindPad:
		return "pad"
	case KindRelocated:
		return "relocated"
	case KindCleaned:
		return "cleaned"
	case KindCleanedTo:
		return "cleaned-to"
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}
