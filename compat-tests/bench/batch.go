package main

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Places in a record batch, from its first byte (format 2).
const (
	atBatchLength = 8
	atBatchCRC    = 17
	atBatchBody   = 21 // The CRC counts from here.
	atFirstTime   = 27
	atMaxTime     = 35
)

// keySize is what a record's key takes, where records have one.
const keySize = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// request is a Produce request of one batch. Only what changes from one
// sending to the next is written anew: the place, the time and the keys. So its
// client costs the same however many partitions there are, and little.
type request struct {
	raw   []byte
	batch int   // Where in raw the batch begins.
	keys  []int // Where in raw the records' keys are, if they have some.
}

// atCorrelation is where a request has its correlation id: behind its size, key
// and version.
const atCorrelation = 8

// newRequest makes one for a topic, with as many records as the load's batch
// size holds.
func (l *load) newRequest(topic string) *request {
	r := &request{}
	var records []byte
	value := make([]byte, l.Size)
	for i := range value {
		value[i] = byte(i * 7)
	}
	n := l.perBatch()
	var keys []int
	for i := range n {
		var key []byte
		if l.Keys > 0 {
			key = make([]byte, keySize)
		}
		body := kbin.AppendVarint([]byte{0, 0}, int32(i)) // Attributes, time delta, offset delta.
		body = kbin.AppendVarintBytes(body, key)
		behindKey := len(body)
		body = kbin.AppendVarintBytes(body, value)
		body = kbin.AppendVarint(body, 0) // No headers.
		records = kbin.AppendVarint(records, int32(len(body)))
		if key != nil {
			keys = append(keys, len(records)+behindKey-keySize)
		}
		records = append(records, body...)
	}
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		LastOffsetDelta: int32(n - 1), NumRecords: int32(n), Records: records,
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[atBatchLength:], uint32(len(raw)-12))

	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(produceVersion)
	req.Acks, req.TimeoutMillis = -1, 60_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = raw
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	r.raw = kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, req, 0)
	// In this version the batch is the request's last field.
	r.batch = len(r.raw) - len(raw)
	inBatch := len(raw) - len(records)
	for _, at := range keys {
		r.keys = append(r.keys, r.batch+inBatch+at)
	}
	return r
}

// produceVersion is one without tagged fields, which both targets have.
const produceVersion = 8

// address gives the request its partition and number, its batch the time, and
// its records their keys, the first of which is number n of so many.
func (r *request) address(correlation uint32, partition int32, now time.Time, n, keys int) {
	be := binary.BigEndian
	be.PutUint32(r.raw[atCorrelation:], correlation)
	be.PutUint32(r.raw[r.batch-8:], uint32(partition))
	b := r.raw[r.batch:]
	be.PutUint64(b[atFirstTime:], uint64(now.UnixMilli()))
	be.PutUint64(b[atMaxTime:], uint64(now.UnixMilli()))
	for i, at := range r.keys {
		be.PutUint64(r.raw[at:], keyOf(n+i, keys))
	}
	be.PutUint32(b[atBatchCRC:], crc32.Checksum(b[atBatchBody:], castagnoli))
}

// keyOf is the key of record n: each once in every round of all keys, and not
// in their order.
func keyOf(n, keys int) uint64 { return uint64(n%keys) * 7919 % uint64(keys) }
