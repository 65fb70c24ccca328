package legacy

import (
	"encoding/binary"
	"math/bits"
)

// A frame of LZ4 begins with a magic number, flags, a description of its blocks, for
// some the size of the content, and one byte of checksum. That is of all between
// the magic number and itself; in magic 0 Kafka's clients took the magic number with
// them, and those of that time take no other. Kafka ignores the byte there, and the
// CRC of the message covers it anyway.
//
//	0              4       5                    6               6 or 14
//	+--------------+-------+--------------------+---------------+----------+
//	| magic number | flags | blocks' descriptor | content size? | checksum |
//	+--------------+-------+--------------------+---------------+----------+
const (
	lz4Magic         = 0x184D2204 // little endian, as all in LZ4
	lz4Head          = 4
	lz4HasDictionary = 0x01
	lz4HasSize       = 0x08
)

// lz4ChecksumAt is where the checksum of a frame's header is; 0: this is no frame of
// a client of Kafka, and its decoder will say so.
func lz4ChecksumAt(f []byte) int {
	if len(f) < lz4Head+3 || binary.LittleEndian.Uint32(f) != lz4Magic || f[lz4Head]&lz4HasDictionary != 0 {
		return 0
	}
	at := lz4Head + 2
	if f[lz4Head]&lz4HasSize != 0 {
		at += 8
	}
	if at >= len(f) {
		return 0
	}
	return at
}

// withRightChecksum calls do while the header of an LZ4 frame has the checksum that
// decoders want.
func withRightChecksum(f []byte, do func() error) error {
	at := lz4ChecksumAt(f)
	if at == 0 {
		return do()
	}
	was := f[at]
	f[at] = byte(xxh32(f[lz4Head:at]) >> 8)
	defer func() { f[at] = was }()
	return do()
}

// setOldChecksum gives a frame without content size the checksum of magic 0.
func setOldChecksum(f []byte) {
	if at := lz4ChecksumAt(f); at != 0 {
		f[at] = byte(xxh32(f[:at]) >> 8)
	}
}

// xxh32 is the hash of that name, with seed 0, of fewer than 16 bytes.
func xxh32(b []byte) uint32 {
	const p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
	h := uint32(p5) + uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*p3, 17) * p4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*p5, 11) * p1
	}
	h = (h ^ h>>15) * p2
	h = (h ^ h>>13) * p3
	return h ^ h>>16
}
