package txn

import "encoding/binary"

// cursor walks over a record. Nothing is allocated for what the bytes merely
// claim: a length is held against what is left first.
type cursor struct {
	rest     []byte
	flexible bool // as Kafka calls versions with short lengths and tagged fields
	bad      bool // it went past the end once; all that follows is zero
}

// take cuts off n bytes, which still belong to the record.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.rest, c.bad = nil, true
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

// uvarint reads one of at most 32 bits.
func (c *cursor) uvarint() uint32 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 || v > 1<<32-1 {
		c.rest, c.bad = nil, true
		return 0
	}
	c.rest = c.rest[n:]
	return uint32(v)
}

// count is the length of an array whose elements take at least least bytes each.
// Null counts as none.
func (c *cursor) count(least int) int {
	var n int
	if c.flexible {
		n = int(c.uvarint()) - 1
	} else {
		n = int(c.i32())
	}
	if n > len(c.rest)/least {
		c.rest, c.bad = nil, true
		return 0
	}
	return max(n, 0)
}

func (c *cursor) text() string {
	if c.flexible {
		return string(c.take(int(c.uvarint()) - 1))
	}
	return string(c.take(int(c.i16())))
}

func (c *cursor) partitions() partitions {
	const topicMin, numberSize = 3, 4 // two lengths, and tags or longer lengths
	list := make([]topicPartitions, c.count(topicMin))
	for i := range list {
		list[i].topic = c.text()
		numbers := make([]int32, c.count(numberSize))
		for j := range numbers {
			numbers[j] = c.i32()
		}
		list[i].numbers = numbers
		c.tags(nil)
	}
	if len(list) == 0 || c.bad {
		return nil
	}
	return normal(list)
}

// tags reads the tagged fields at the end of a struct. known reads one from a
// cursor over that field alone; what it does not know, nobody keeps.
func (c *cursor) tags(known func(tag uint32, field *cursor)) {
	if !c.flexible {
		return
	}
	for range c.uvarint() {
		tag := c.uvarint()
		field := cursor{rest: c.take(int(c.uvarint())), flexible: true}
		if c.bad {
			return
		}
		if known != nil {
			known(tag, &field)
			c.bad = c.bad || field.bad
		}
	}
}
