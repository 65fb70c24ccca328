package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// errRecord is what a record that cannot be read wraps.
var errRecord = errors.New("malformed metadata record")

// The primitives of a record's payload: integers are varints (signed ones in
// zigzag), strings and lists are a length and then their elements, maps are
// written in key order so that equal state has equal bytes.

func putString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func putInt(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

func putBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func putStrings(b []byte, m map[string]string) []byte {
	b = binary.AppendUvarint(b, uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b = putString(putString(b, k), m[k])
	}
	return b
}

func putBrokers(b []byte, ids []model.BrokerID) []byte {
	b = binary.AppendUvarint(b, uint64(len(ids)))
	for _, id := range ids {
		b = putInt(b, int64(id))
	}
	return b
}

// decoder reads the primitives back. The first error sticks, and every claimed
// length is held against the bytes that are left before memory is taken.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errRecord, what)
	}
	d.b = nil
}

func (d *decoder) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("truncated number")
		return 0
	}
	if v > limit {
		d.fail("number out of range")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int(lo, hi int64) int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("truncated number")
		return 0
	}
	if v < lo || v > hi {
		d.fail("number out of range")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length reads a count of elements that take at least size bytes each.
func (d *decoder) length(size int) int {
	return int(d.uvarint(uint64(len(d.b) / size)))
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.fail("truncated")
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) string() string { return string(d.bytes(d.length(1))) }

func (d *decoder) bool() bool {
	b := d.bytes(1)
	if len(b) == 1 && b[0] > 1 {
		d.fail("bad truth value")
	}
	return len(b) == 1 && b[0] == 1
}

func (d *decoder) strings() map[string]string {
	n := d.length(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := d.string()
		m[k] = d.string()
	}
	return m
}

func (d *decoder) brokers() []model.BrokerID {
	n := d.length(1)
	if n == 0 {
		return nil
	}
	ids := make([]model.BrokerID, n)
	for i := range ids {
		ids[i] = d.broker()
	}
	return ids
}

func (d *decoder) broker() model.BrokerID { return model.BrokerID(d.int(-1, maxInt32)) }

func (d *decoder) topicID() (id model.TopicID) {
	copy(id[:], d.bytes(len(id)))
	return id
}

const (
	maxInt32  = 1<<31 - 1
	maxInt64  = 1<<63 - 1
	maxUint32 = 1<<32 - 1
)
