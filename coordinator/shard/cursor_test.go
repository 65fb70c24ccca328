package shard

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// fieldsText reads one field of each kind and says what they are.
func fieldsText(c *Cursor) string {
	text := func(s *string) string {
		if s == nil {
			return "null"
		}
		return *s
	}
	out := fmt.Sprintf("%d %d %d %d %q %s %s %q %v", c.Int8(), c.Int16(), c.Int32(), c.Int64(), c.Text(), text(c.NullableText()), text(c.NullableText()),
		c.Texts(), c.Bytes())
	if b := c.Bytes(); b != nil {
		out += " not null"
	}
	c.Tags(func(tag uint32, field *Cursor) {
		if tag == 7 {
			out += fmt.Sprintf(" tag %d", field.Int16())
		}
	})
	return out
}

// TestCursor: both forms of the fields are read, and what is cut or claims more than
// there is gives zeros.
func TestCursor(t *testing.T) {
	t.Parallel()
	numbers := []byte{0xff, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4}
	flexible := append([]byte{}, numbers...)
	flexible = append(flexible, "\x03ab\x02c\x00\x03\x02d\x01\x03xy\x00"...)
	flexible = append(flexible, "\x02\x01\x03123\x07\x02\x00\x09"...) // an unknown tag and a known one
	plain := append([]byte{}, numbers...)
	plain = append(plain, "\x00\x02ab\x00\x01c\xff\xff\x00\x00\x00\x02\x00\x01d\x00\x00\x00\x00\x00\x02xy\xff\xff\xff\xff"...)
	const want = `-1 2 3 4 "ab" c null ["d" ""] [120 121]`
	for _, tc := range []struct {
		bytes    []byte
		flexible bool
		want     string
	}{{flexible, true, want + " tag 9"}, {plain, false, want}} {
		c := Cursor{Rest: tc.bytes, Flexible: tc.flexible}
		if got := fieldsText(&c); got != tc.want || c.Bad || len(c.Rest) > 0 {
			t.Errorf("flexible %t: %s, want %s; bad %t, %d bytes left", tc.flexible, got, tc.want, c.Bad, len(c.Rest))
		}
		for n := range tc.bytes {
			c := Cursor{Rest: tc.bytes[:n], Flexible: tc.flexible}
			if fieldsText(&c); !c.Bad || c.Rest != nil || c.Int64() != 0 || c.Text() != "" {
				t.Errorf("flexible %t, %d of %d bytes: bad %t, %d left", tc.flexible, n, len(tc.bytes), c.Bad, len(c.Rest))
			}
		}
	}
}

// TestCursorClaims: a length takes no memory until its bytes are there.
func TestCursorClaims(t *testing.T) {
	rest := strings.Repeat("x", 100)
	for name, read := range map[string]func(c *Cursor){
		"count": func(c *Cursor) { c.Count(4) },
		"text":  func(c *Cursor) { c.Text() },
		"texts": func(c *Cursor) { c.Texts() },
		"bytes": func(c *Cursor) { c.Bytes() },
		"tags":  func(c *Cursor) { c.Tags(nil) },
	} {
		for _, claimed := range []uint64{200, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 63} {
			c := Cursor{Rest: append(binary.AppendUvarint(nil, claimed), rest...), Flexible: true}
			var now Cursor
			n := testing.AllocsPerRun(1, func() {
				now = c
				read(&now)
			})
			if n > 1 || !now.Bad { // the cursor over a tagged field is one
				t.Errorf("%s: %d are taken for there: %t, and take %v allocations", name, claimed, !now.Bad, n)
			}
		}
	}
	null := Cursor{Rest: []byte{0}, Flexible: true}
	if null.Text(); !null.Bad {
		t.Error("null is taken for a text")
	}
}
