package protocol

import "encoding/binary"

// fields appends single fields to an answer. Flexible versions write lengths as
// unsigned varints of the length + 1, where 0 stands for null.
type fields struct {
	buf      []byte
	flexible bool
}

func (e *fields) int16(n int16) { e.buf = binary.BigEndian.AppendUint16(e.buf, uint16(n)) }
func (e *fields) int32(n int32) { e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(n)) }
func (e *fields) int64(n int64) { e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(n)) }
func (e *fields) uvarint(n int) { e.buf = binary.AppendUvarint(e.buf, uint64(n)) }

func (e *fields) bool(yes bool) {
	b := byte(0)
	if yes {
		b = 1
	}
	e.buf = append(e.buf, b)
}

// arrayLen writes the length of an array or of a byte field; -1 is null.
func (e *fields) arrayLen(n int) {
	if e.flexible {
		e.uvarint(n + 1)
		return
	}
	e.int32(int32(n))
}

func (e *fields) string(s string) {
	if e.flexible {
		e.uvarint(len(s) + 1)
	} else {
		e.int16(int16(len(s)))
	}
	e.buf = append(e.buf, s...)
}

// noTags ends a struct; versions that are not flexible have nothing there.
func (e *fields) noTags() {
	if e.flexible {
		e.buf = append(e.buf, 0)
	}
}

func uvarintLen(n int) int {
	size := 1
	for n >= 0x80 {
		n >>= 7
		size++
	}
	return size
}
