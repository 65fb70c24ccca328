package legacy

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// A message set is messages one after the other, without a count. Numbers are big
// endian; fields by their place in the message:
//
//	 0  offset        int64
//	 8  size          int32   of all that follows
//	12  CRC32         uint32  of all that follows, by the polynomial of Ethernet
//	16  magic         int8    0 or 1
//	17  attributes    int8    bits 0 to 2: codec; bit 3, magic 1: LogAppendTime
//	18  timestamp     int64   magic 1 only
//	    key length    int32   -1 is null
//	    key
//	    value length  int32   -1 is null
//	    value
//
// With a codec, the value is a whole message set, compressed: the message is its
// wrapper, without a key. The offset of a wrapper is that of its last message. The
// inner offsets are absolute in magic 0; in magic 1 they count from the first one,
// so that a broker only has to write the wrapper's. Wrappers do not nest.
const (
	atSize       = 8
	atCRC        = 12
	atMagic      = 16
	atAttributes = 17
	atTimestamp  = 18

	// prefixSize is what the size does not count.
	prefixSize = atCRC
	// overhead0 and overhead1 are a message without the bytes of key and value.
	overhead0 = atTimestamp + 4 + 4
	overhead1 = overhead0 + 8

	codecMask        = 0x07
	logAppendTimeBit = 0x08
)

// noTimestamp is the time of a message that has none.
const noTimestamp = -1

// message is a message's fields. Key and value alias its bytes.
type message struct {
	offset     int64
	magic      int8
	attributes int8
	timestamp  int64
	key, value []byte // nil is null
}

func (m *message) codec() batch.Codec { return batch.Codec(m.attributes & codecMask) }

func (m *message) logAppendTime() bool {
	return m.magic > 0 && m.attributes&logAppendTimeBit != 0
}

// frame is the length of the message at the start of b, which must hold it whole.
func frame(b []byte) (int, error) {
	if len(b) < prefixSize {
		return 0, fmt.Errorf("%w: %d bytes where a message was expected", batch.ErrTruncated, len(b))
	}
	size, err := checkSize(b)
	switch {
	case err != nil:
		return 0, err
	case prefixSize+size > len(b):
		return 0, fmt.Errorf("%w: a message of %d bytes, %d are there", batch.ErrTruncated, prefixSize+size, len(b))
	}
	return prefixSize + size, nil
}

// checkSize reads the size of the message whose prefix b begins with.
func checkSize(b []byte) (int, error) {
	size := int(int32(binary.BigEndian.Uint32(b[atSize:])))
	if size < overhead0-prefixSize {
		return 0, fmt.Errorf("%w: size of a message is %d, at least %d expected", batch.ErrCorrupt, size, overhead0-prefixSize)
	}
	return size, nil
}

// parse reads a message of the size that checkSize wants, and checks its CRC and that
// its fields fill it.
func parse(b []byte) (message, error) {
	got, want := crc32.ChecksumIEEE(b[atMagic:]), binary.BigEndian.Uint32(b[atCRC:])
	if got != want {
		return message{}, fmt.Errorf("%w: CRC32 of a message's bytes is %#08x, the message says %#08x", batch.ErrCorrupt, got, want)
	}
	m := message{
		offset: int64(binary.BigEndian.Uint64(b)), magic: int8(b[atMagic]), attributes: int8(b[atAttributes]), timestamp: noTimestamp,
	}
	rest := b[atTimestamp:]
	switch m.magic {
	case 0:
	case 1:
		m.timestamp, rest = int64(binary.BigEndian.Uint64(rest)), rest[8:]
	default:
		return m, fmt.Errorf("%w: magic of a message is %d, 0 or 1 expected", batch.ErrInvalid, m.magic)
	}
	var ok bool
	if m.key, rest, ok = field(rest); !ok {
		return m, fmt.Errorf("%w: the key of a message goes beyond its end", batch.ErrInvalid)
	}
	if m.value, rest, ok = field(rest); !ok || len(rest) != 0 {
		return m, fmt.Errorf("%w: the value of a message does not end where the message does", batch.ErrInvalid)
	}
	return m, nil
}

// field reads a nullable byte field.
func field(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	if n < 0 {
		return nil, b, n == -1
	}
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// size is how long the message is when it is appended.
func (m *message) size() int {
	n := overhead0 + len(m.key) + len(m.value)
	if m.magic > 0 {
		n += overhead1 - overhead0
	}
	return n
}

// append appends a message.
func (m *message) append(dst []byte) []byte {
	at := len(dst)
	dst = m.appendHead(dst)
	dst = appendField(dst, m.value)
	seal(dst[at:])
	return dst
}

// appendHead appends what precedes the value. Size and CRC are only room.
func (m *message) appendHead(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.offset))
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, byte(m.magic), byte(m.attributes))
	if m.magic > 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(m.timestamp))
	}
	return appendField(dst, m.key)
}

func appendField(dst, b []byte) []byte {
	if b == nil {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// seal writes size and CRC of a whole message.
func seal(b []byte) {
	binary.BigEndian.PutUint32(b[atSize:], uint32(len(b)-prefixSize))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.ChecksumIEEE(b[atMagic:]))
}
