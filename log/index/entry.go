package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// EntrySize is the length of one entry on disk. It divides the page size, so
// an entry never lies across two pages.
const EntrySize = 64

// Entry locates one batch of one partition.
type Entry struct {
	BaseOffset      model.Offset
	LastOffsetDelta int32
	Log             uint8  // 0: the main log; others are reserved for cold logs and side segments
	Position        uint64 // of the batch's first byte in that log; below 2^56
	EntryDistance   uint32 // bytes back to the header of the log entry that holds it
	Length          uint32 // of the batch, bytes
	MaxTimestamp    int64  // largest record timestamp in the batch, ms
	// RunningMax is the largest MaxTimestamp of this and all earlier batches of
	// the partition, ms. Earlier batches that are gone (below the log start) may
	// still count, or not: an index that was rebuilt has seen fewer of them, or,
	// where it had let go of them before a truncation, more. What searches rely
	// on is that it never falls and is no less than that of any batch that lives.
	RunningMax int64
	AppendTime int64 // when the broker appended it, ms
	// TotalBytes is the length of this and all earlier batches of the
	// partition, counted from a point that is the same for all entries that are
	// valid together: only differences mean something. It makes the size of any
	// range a matter of two entries.
	TotalBytes uint64
}

// LastOffset is the offset of the batch's last record.
func (e *Entry) LastOffset() model.Offset { return e.BaseOffset + model.Offset(e.LastOffsetDelta) }

// An entry on disk, little endian:
//
//	 0                 8        12       16               24       28       32
//	 +-----------------+--------+--------+----------------+--------+--------+
//	 |   base offset   | delta  | length |log, position   |distance|  CRC   |
//	 +-----------------+--------+--------+----------------+--------+--------+
//	32                40                48                56               64
//	 +-----------------+-----------------+----------------+----------------+
//	 |  max timestamp  |   running max   |  append time   |  total bytes   |
//	 +-----------------+-----------------+----------------+----------------+
//
// The log id is the top byte of the position. The CRC32C starts from the
// partition id and covers every other byte: an entry is read alone, from the middle of a
// file of gigabytes, so it has to answer for itself, and a search that ended
// up in a neighbour's section must not take its entries for its own.
const (
	entryCRCAt   = 28
	positionBits = 56
	positionMask = 1<<positionBits - 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode writes the entry into b, which has room for EntrySize bytes.
func (e *Entry) Encode(b []byte, partition model.PartitionID) {
	_ = b[EntrySize-1]
	le := binary.LittleEndian
	le.PutUint64(b, uint64(e.BaseOffset))
	le.PutUint32(b[8:], uint32(e.LastOffsetDelta))
	le.PutUint32(b[12:], e.Length)
	le.PutUint64(b[16:], uint64(e.Log)<<positionBits|e.Position&positionMask)
	le.PutUint32(b[24:], e.EntryDistance)
	le.PutUint64(b[32:], uint64(e.MaxTimestamp))
	le.PutUint64(b[40:], uint64(e.RunningMax))
	le.PutUint64(b[48:], uint64(e.AppendTime))
	le.PutUint64(b[56:], e.TotalBytes)
	le.PutUint32(b[entryCRCAt:], entryCRC(b, partition))
}

// DecodeEntry reads an entry of the partition and checks it.
func DecodeEntry(b []byte, partition model.PartitionID) (Entry, error) {
	if len(b) < EntrySize {
		return Entry{}, fmt.Errorf("%w: entry of %d bytes", ErrCorrupt, len(b))
	}
	le := binary.LittleEndian
	if crc := entryCRC(b, partition); crc != le.Uint32(b[entryCRCAt:]) {
		return Entry{}, fmt.Errorf("%w: entry of partition %d: CRC", ErrCorrupt, partition)
	}
	at := le.Uint64(b[16:])
	e := Entry{
		BaseOffset:      model.Offset(le.Uint64(b)),
		LastOffsetDelta: int32(le.Uint32(b[8:])),
		Length:          le.Uint32(b[12:]),
		Log:             uint8(at >> positionBits),
		Position:        at & positionMask,
		EntryDistance:   le.Uint32(b[24:]),
		MaxTimestamp:    int64(le.Uint64(b[32:])),
		RunningMax:      int64(le.Uint64(b[40:])),
		AppendTime:      int64(le.Uint64(b[48:])),
		TotalBytes:      le.Uint64(b[56:]),
	}
	if e.BaseOffset < 0 || e.LastOffsetDelta < 0 || e.LastOffset() < e.BaseOffset {
		return Entry{}, fmt.Errorf("%w: entry of partition %d: offset %d + %d",
			ErrCorrupt, partition, e.BaseOffset, e.LastOffsetDelta)
	}
	return e, nil
}

// entryCRC starts from the partition id instead of 0: that makes it depend on
// the id as if it stood before the bytes, and costs nothing.
func entryCRC(b []byte, partition model.PartitionID) uint32 {
	crc := crc32.Update(uint32(partition), castagnoli, b[:entryCRCAt])
	return crc32.Update(crc, castagnoli, b[entryCRCAt+4:EntrySize])
}
