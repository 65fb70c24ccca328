package log

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// rawBatch is an uncompressed batch of n offsets with size bytes of filler for
// records; the log does not look into them.
func rawBatch(base model.Offset, n, size int) []byte {
	b := make([]byte, 61+size)
	be := binary.BigEndian
	be.PutUint64(b, uint64(base))
	be.PutUint32(b[8:], uint32(len(b)-12))
	be.PutUint32(b[12:], 1)
	b[16] = 2
	be.PutUint32(b[23:], uint32(n-1))
	be.PutUint64(b[27:], 1000)
	be.PutUint64(b[35:], 2000)
	be.PutUint64(b[43:], ^uint64(0))
	be.PutUint16(b[51:], ^uint16(0))
	be.PutUint32(b[53:], ^uint32(0))
	be.PutUint32(b[57:], uint32(n))
	for i := range b[61:] {
		b[61+i] = byte(int(base)*31 + i*7)
	}
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

// setMaxTimestamp changes both timestamps of a raw batch.
func setMaxTimestamp(b []byte, h *batch.Header, ts int64) {
	be := binary.BigEndian
	be.PutUint64(b[27:], uint64(ts))
	be.PutUint64(b[35:], uint64(ts))
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	h.FirstTimestamp, h.MaxTimestamp = ts, ts
}
