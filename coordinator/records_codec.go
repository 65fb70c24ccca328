package coordinator

import (
	"encoding/binary"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// The parts of records that more than one kind has; all of flexible versions, but for
// plain strings. shard.Cursor reads the rest.

func readTopicID(c *shard.Cursor) model.TopicID {
	var id model.TopicID
	copy(id[:], c.Take(len(id)))
	return id
}

// readPartitions reads an array of topic id and partition indexes.
func readPartitions(c *shard.Cursor) partitions {
	const topicMin, indexSize = 18, 4
	n := c.Count(topicMin)
	out := make(parts, n)
	for range n {
		topic := readTopicID(c)
		list := make([]int32, c.Count(indexSize))
		for i := range list {
			list[i] = c.Int32()
		}
		c.Tags(nil)
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
