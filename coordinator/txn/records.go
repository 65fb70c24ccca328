package txn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// The records of __transaction_state are Kafka's own (TransactionLogKey and
// TransactionLogValue), so that tools which read the topic keep working. There is
// one kind; a key of a version above 0 is skipped, as Kafka does.
//
//	key    int16 0 | transactional id: int16 length, bytes
//
//	value  int16 version: 1 is written, 0 and 1 are read
//	       int64 producer id
//	       int16 producer epoch
//	       int32 timeout, ms
//	       int8  state: 0 Empty, 1 Ongoing, 2 PrepareCommit, 3 PrepareAbort,
//	             4 CompleteCommit, 5 CompleteAbort, 6 Dead, 7 PrepareEpochFence
//	       partitions: null in Empty, else an array, of
//	           topic; array of int32; tags
//	       int64 last update, ms
//	       int64 start, ms; -1: none
//	       tags: 0 previous producer id int64, 1 next producer id int64 (-1 if
//	             they are missing), 2 the client's transaction version int16 (0)
//
// In version 1 lengths are varints one above the value, 0 is null, and both structs
// end in tagged fields; version 0 has int32 for arrays, int16 for strings and no
// tags. A nil value is a tombstone. Dead is nobody any more, and PrepareEpochFence,
// which Kafka never finishes writing, an abort that is decided.
const (
	keyVersion   = 0
	valueVersion = 1

	tagPrevious = 0
	tagNext     = 1
	tagClient   = 2

	codeDead       = 6
	codeEpochFence = 7
)

// stringMax is the longest string that the key's format can hold.
const stringMax = math.MaxInt16

// valueRest is more than what a value takes besides its partitions.
const valueRest = 64

// errRecord is wrapped by what replay says of a record that it cannot read.
var errRecord = errors.New("transaction coordinator: bad record")

func appendKey(dst []byte, id string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, keyVersion)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(id)))
	return append(dst, id...)
}

// readKey gives the id as part of the key's bytes; ok is false for keys of
// other kinds.
func readKey(b []byte) (id []byte, ok bool, err error) {
	if len(b) < 2 {
		return nil, false, fmt.Errorf("%w: a key of %d bytes", errRecord, len(b))
	}
	if binary.BigEndian.Uint16(b) != keyVersion {
		return nil, false, nil
	}
	c := shard.Cursor{Rest: b[2:]}
	id = c.Take(int(c.Int16()))
	if c.Bad || len(c.Rest) > 0 {
		return nil, false, fmt.Errorf("%w: a key of %d bytes does not hold one id", errRecord, len(b))
	}
	return id, true, nil
}

// record is what is written of an id.
func record(id string, v *value) shard.Record {
	b := make([]byte, 0, 4+len(id)+v.size())
	b = appendKey(b, id)
	at := len(b)
	b = v.appendTo(b)
	return shard.Record{Key: b[:at:at], Value: b[at:]}
}

// size is about what a value takes, never less.
func (v *value) size() int {
	n := valueRest
	for i := range v.partitions {
		t := &v.partitions[i]
		n += 2*binary.MaxVarintLen32 + 1 + len(t.topic) + 4*len(t.numbers)
	}
	return n
}

func (v *value) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, valueVersion)
	b = appendInt64(b, int64(v.producer))
	b = appendInt16(b, int16(v.epoch))
	b = binary.BigEndian.AppendUint32(b, uint32(v.timeout))
	b = append(b, byte(v.state))
	b = v.appendPartitions(b)
	b = appendInt64(b, v.updated)
	b = appendInt64(b, v.start)
	tags, at := 0, len(b)
	b = append(b, 0)
	for _, id := range []struct {
		tag byte
		id  model.ProducerID
	}{{tagPrevious, v.previous}, {tagNext, v.next}} {
		if id.id != noProducer {
			b = appendInt64(append(b, id.tag, 8), int64(id.id))
			tags++
		}
	}
	if v.client != 0 {
		b = appendInt16(append(b, tagClient, 2), v.client)
		tags++
	}
	b[at] = byte(tags)
	return b
}

func (v *value) appendPartitions(b []byte) []byte {
	if v.state == Empty {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(v.partitions))+1)
	for i := range v.partitions {
		t := &v.partitions[i]
		b = binary.AppendUvarint(b, uint64(len(t.topic))+1)
		b = append(b, t.topic...)
		b = binary.AppendUvarint(b, uint64(len(t.numbers))+1)
		for _, n := range t.numbers {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		b = append(b, 0)
	}
	return b
}

// readValue keeps nothing of the bytes. dead tells that there is nothing of
// the id any more.
func readValue(b []byte) (v value, dead bool, err error) {
	if len(b) < 2 {
		return value{}, false, fmt.Errorf("%w: %d bytes are no version", errRecord, len(b))
	}
	version := binary.BigEndian.Uint16(b)
	if version > valueVersion {
		return value{}, false, fmt.Errorf("%w: unknown version %d", errRecord, version)
	}
	c := shard.Cursor{Rest: b[2:], Flexible: version > 0}
	v.producer = model.ProducerID(c.Int64())
	v.epoch = model.ProducerEpoch(c.Int16())
	v.timeout = c.Int32()
	code := c.Int8()
	v.partitions = readPartitions(&c)
	v.updated, v.start = c.Int64(), c.Int64()
	v.previous, v.next = noProducer, noProducer
	c.Tags(func(tag uint32, field *shard.Cursor) {
		switch tag {
		case tagPrevious:
			v.previous = model.ProducerID(field.Int64())
		case tagNext:
			v.next = model.ProducerID(field.Int64())
		case tagClient:
			v.client = field.Int16()
		}
	})
	if c.Bad || len(c.Rest) > 0 {
		return value{}, false, fmt.Errorf("%w: a value of %d bytes makes no sense", errRecord, len(b))
	}
	switch {
	case code == codeDead:
		return value{}, true, nil
	case code == codeEpochFence:
		v.state = PrepareAbort
	case code < 0 || code > int8(CompleteAbort):
		return value{}, false, fmt.Errorf("%w: unknown state %d", errRecord, code)
	default:
		v.state = State(code)
	}
	if v.producer < 0 || v.epoch < 0 {
		return value{}, false, fmt.Errorf("%w: producer %d with epoch %d", errRecord, v.producer, v.epoch)
	}
	return v, false, nil
}

func readPartitions(c *shard.Cursor) partitions {
	const topicMin, numberSize = 3, 4 // two lengths, and tags or longer lengths
	list := make([]topicPartitions, c.Count(topicMin))
	for i := range list {
		list[i].topic = c.Text()
		numbers := make([]int32, c.Count(numberSize))
		for j := range numbers {
			numbers[j] = c.Int32()
		}
		list[i].numbers = numbers
		c.Tags(nil)
	}
	if len(list) == 0 || c.Bad {
		return nil
	}
	return normal(list)
}

func appendInt16(b []byte, v int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }
func appendInt64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }
