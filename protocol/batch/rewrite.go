package batch

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// The rewriters change the batch at the start of b, whose header was parsed.
// They are all that is ever changed in a producer's bytes.

// SetBaseOffset gives the batch its place in the partition.
func SetBaseOffset(b []byte, offset model.Offset) {
	binary.BigEndian.PutUint64(b[atBaseOffset:], uint64(offset))
}

// SetLeaderEpoch notes under which leadership the batch was appended.
func SetLeaderEpoch(b []byte, epoch model.LeaderEpoch) {
	binary.BigEndian.PutUint32(b[atLeaderEpoch:], uint32(epoch))
}

// SetLogAppendTime makes ts, in milliseconds since 1970, the time of all
// records, and returns the batch's new CRC. The records keep the deltas that
// the producer wrote: clients look at the attribute bit first. A Header that
// was parsed before is stale afterwards.
//
// It must not be used on a batch whose CRC has not been checked: the new CRC
// would vouch for damage.
func SetLogAppendTime(b []byte, ts int64) uint32 {
	size := int(binary.BigEndian.Uint32(b[atLength:])) + sizeOverhead
	binary.BigEndian.PutUint16(b[atAttributes:], binary.BigEndian.Uint16(b[atAttributes:])|uint16(logAppendTimeBit))
	binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(ts))
	return sealCRC(b[:size])
}

// SetMaxTimestamp corrects what the header says is the largest timestamp of its
// records, and returns the batch's new CRC. The old one must have been checked,
// and a parsed Header is stale afterwards, as with SetLogAppendTime.
func SetMaxTimestamp(b []byte, ts int64) uint32 {
	size := int(binary.BigEndian.Uint32(b[atLength:])) + sizeOverhead
	binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(ts))
	return sealCRC(b[:size])
}

// SetCreateTime takes back a producer's claim that the broker set the times of
// its records, and returns the batch's new CRC. As with SetLogAppendTime, the
// old CRC must have been checked, and a parsed Header is stale afterwards.
func SetCreateTime(b []byte) uint32 {
	size := int(binary.BigEndian.Uint32(b[atLength:])) + sizeOverhead
	binary.BigEndian.PutUint16(b[atAttributes:], binary.BigEndian.Uint16(b[atAttributes:])&^uint16(logAppendTimeBit))
	return sealCRC(b[:size])
}

// sealCRC computes and writes the CRC of a whole batch.
func sealCRC(b []byte) uint32 {
	crc := crc32.Checksum(b[atAttributes:], castagnoli)
	binary.BigEndian.PutUint32(b[atCRC:], crc)
	return crc
}
