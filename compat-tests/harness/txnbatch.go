package harness

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TxnBatch is a record batch of a transaction with one record, for tests that write
// what no client would.
func TxnBatch(producer int64, epoch int16, sequence int32, value string) []byte {
	body := append([]byte{0, 0, 0}, kbin.AppendVarintBytes(nil, nil)...) // attributes, deltas of time and offset, no key
	body = kbin.AppendVarintBytes(body, []byte(value))
	body = kbin.AppendVarint(body, 0) // no headers
	const (
		transactional = 0x10
		atLength      = 8
		atCRC         = 17
		atBody        = 21 // the CRC counts from here
	)
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: transactional, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: producer, ProducerEpoch: epoch, FirstSequence: sequence,
		NumRecords: 1, Records: append(kbin.AppendVarint(nil, int32(len(body))), body...),
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[atCRC:], crc32.Checksum(raw[atBody:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}
