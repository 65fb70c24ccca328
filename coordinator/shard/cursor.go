package shard

import (
	"encoding/binary"
	"slices"
)

// Cursor walks over a record of an internal topic, as Kafka encodes its fields.
// Nothing is allocated for what the bytes merely claim: a length is held against
// what is left first.
type Cursor struct {
	Rest []byte
	// Flexible is Kafka's word for versions in which lengths are varints one above
	// the value, 0 is null, and each struct ends in tagged fields. In the others
	// lengths are int16 for texts and int32 for all else, -1 is null, and there are
	// no tags.
	Flexible bool
	// Bad: it went past the end once, or a length made no sense; all that follows is
	// zero.
	Bad bool
}

// Fail makes nothing of what is left.
func (c *Cursor) Fail() { c.Rest, c.Bad = nil, true }

// Take cuts off n bytes, which still belong to the record.
func (c *Cursor) Take(n int) []byte {
	if n < 0 || n > len(c.Rest) {
		c.Fail()
		return nil
	}
	b := c.Rest[:n]
	c.Rest = c.Rest[n:]
	return b
}

// Int8 reads a number of one byte.
func (c *Cursor) Int8() int8 {
	if b := c.Take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

// Int16 reads one of two.
func (c *Cursor) Int16() int16 {
	if b := c.Take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Int32 reads one of four.
func (c *Cursor) Int32() int32 {
	if b := c.Take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads one of eight.
func (c *Cursor) Int64() int64 {
	if b := c.Take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Count is the length of an array whose elements take at least least bytes each.
// Null counts as none.
func (c *Cursor) Count(least int) int {
	n := c.length()
	if n > len(c.Rest)/least {
		c.Fail()
		return 0
	}
	return max(n, 0)
}

// Text reads a string that may not be null.
func (c *Cursor) Text() string { return string(c.Take(c.textLength())) }

// NullableText reads one that may be.
func (c *Cursor) NullableText() *string {
	n := c.textLength()
	if n < 0 {
		return nil
	}
	s := string(c.Take(n))
	return &s
}

// Texts reads an array of strings.
func (c *Cursor) Texts() []string {
	out := make([]string, c.Count(1))
	for i := range out {
		out[i] = c.Text()
	}
	return out
}

// Bytes copies a byte array, nil for null.
func (c *Cursor) Bytes() []byte {
	n := c.length()
	if n < 0 {
		return nil
	}
	return slices.Clone(c.Take(n))
}

// Tags reads the tagged fields at the end of a struct. known, which may be nil,
// reads one from a cursor over that field alone; what it does not know, nobody keeps.
func (c *Cursor) Tags(known func(tag uint32, field *Cursor)) {
	if !c.Flexible {
		return
	}
	for n := c.uvarint(); n > 0 && !c.Bad; n-- {
		tag := c.uvarint()
		field := Cursor{Rest: c.Take(int(c.uvarint())), Flexible: true}
		if known == nil || c.Bad {
			continue
		}
		known(tag, &field)
		c.Bad = c.Bad || field.Bad
	}
}

func (c *Cursor) length() int {
	if c.Flexible {
		return int(c.uvarint()) - 1
	}
	return int(c.Int32())
}

func (c *Cursor) textLength() int {
	if c.Flexible {
		return int(c.uvarint()) - 1
	}
	return int(c.Int16())
}

// uvarint reads one of at most 32 bits.
func (c *Cursor) uvarint() uint32 {
	v, n := binary.Uvarint(c.Rest)
	if n <= 0 || v > 1<<32-1 {
		c.Fail()
		return 0
	}
	c.Rest = c.Rest[n:]
	return uint32(v)
}
