package coordinator

import (
	"encoding/binary"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// What Kafka calls a flexible version: lengths are varints one above the value,
// 0 is null, and each struct ends in tagged fields, of which unknown ones are
// skipped. Nothing is allocated for what the bytes merely claim.

func (c *cursor) fail() { c.ok, c.rest = false, nil }

// take cuts off n bytes, which still belong to the record.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.fail()
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) i8() int8 {
	if b := c.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (c *cursor) i16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) i32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) i64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) topicID() model.TopicID {
	var id model.TopicID
	copy(id[:], c.take(len(id)))
	return id
}

// uvarint reads one of at most 32 bits.
func (c *cursor) uvarint() uint32 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 || v > 1<<32-1 {
		c.fail()
		return 0
	}
	c.rest = c.rest[n:]
	return uint32(v)
}

// compactLen is a length; -1 for null.
func (c *cursor) compactLen() int { return int(c.uvarint()) - 1 }

// count is the length of an array whose elements take at least min bytes each.
func (c *cursor) count(min int) int {
	n := c.compactLen()
	if n > len(c.rest)/min {
		c.fail()
		return 0
	}
	return max(n, 0)
}

func (c *cursor) compactBytes() []byte {
	n := c.compactLen()
	if n < 0 {
		return nil
	}
	return slices.Clone(c.take(n))
}

// compactString takes null for empty.
func (c *cursor) compactString() string {
	return string(c.take(max(c.compactLen(), 0)))
}

func (c *cursor) nullableString() *string {
	n := c.compactLen()
	if n < 0 {
		return nil
	}
	s := string(c.take(n))
	return &s
}

func (c *cursor) compactStrings() []string {
	n := c.count(1)
	out := make([]string, 0, n)
	for range n {
		out = append(out, c.compactString())
	}
	return out
}

// plainString is one of a version that is not flexible.
func (c *cursor) plainString() string {
	return string(c.take(int(c.i16())))
}

// tags reads the tagged fields at the end of a struct. known reads one that it
// knows from a cursor over that field alone.
func (c *cursor) tags(known func(tag uint32, field *cursor)) {
	for range c.uvarint() {
		if !c.ok {
			return
		}
		tag := c.uvarint()
		field := cursor{rest: c.take(int(c.uvarint())), ok: c.ok}
		if known == nil || !c.ok {
			continue
		}
		known(tag, &field)
		c.ok = c.ok && field.ok
	}
}

// partitions reads an array of topic id and partition indexes.
func (c *cursor) partitions() partitions {
	const topicMin, indexSize = 18, 4
	n := c.count(topicMin)
	out := make(parts, n)
	for range n {
		topic := c.topicID()
		list := make([]int32, c.count(indexSize))
		for i := range list {
			list[i] = c.i32()
		}
		c.tags(nil)
		out.add(topic, list)
	}
	return newPartitions(out)
}

func appendCompactLen(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)+1) }

func appendCompactString(b []byte, s string) []byte {
	return append(appendCompactLen(b, len(s)), s...)
}

func appendNullableString(b []byte, s *string) []byte {
	if s == nil {
		return append(b, 0)
	}
	return appendCompactString(b, *s)
}

func appendCompactStrings(b []byte, list []string) []byte {
	b = appendCompactLen(b, len(list))
	for _, s := range list {
		b = appendCompactString(b, s)
	}
	return b
}

func appendPlainString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// appendTag appends a tagged field.
func appendTag(b []byte, tag uint64, field []byte) []byte {
	b = binary.AppendUvarint(b, tag)
	b = binary.AppendUvarint(b, uint64(len(field)))
	return append(b, field...)
}

func appendInt32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func appendInt64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

func appendPartitions(b []byte, p partitions) []byte {
	b = appendCompactLen(b, len(p))
	for _, topic := range p.topics() {
		b = append(b, topic[:]...)
		b = appendCompactLen(b, len(p[topic]))
		for _, partition := range p[topic] {
			b = appendInt32(b, partition)
		}
		b = append(b, 0)
	}
	return b
}
