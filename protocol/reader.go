package protocol

import "encoding/binary"

// reader walks over encoded bytes. Each method reports false, and leaves the
// reader where it was, if the bytes do not hold what is asked for.
type reader struct{ src []byte }

// skip passes over n bytes.
func (r *reader) skip(n int) bool {
	if n < 0 || n > len(r.src) {
		return false
	}
	r.src = r.src[n:]
	return true
}

func (r *reader) int16() (int, bool) {
	if len(r.src) < 2 {
		return 0, false
	}
	n := int16(binary.BigEndian.Uint16(r.src))
	r.src = r.src[2:]
	return int(n), true
}

func (r *reader) int32() (int, bool) {
	if len(r.src) < 4 {
		return 0, false
	}
	n := int32(binary.BigEndian.Uint32(r.src))
	r.src = r.src[4:]
	return int(n), true
}

// uvarint reads an unsigned varint of at most 32 bits in at most 5 bytes.
func (r *reader) uvarint() (int, bool) {
	if len(r.src) > 0 && r.src[0] < 0x80 {
		n := r.src[0]
		r.src = r.src[1:]
		return int(n), true
	}
	n, size := binary.Uvarint(r.src[:min(len(r.src), 5)])
	if size <= 0 || n > 1<<32-1 {
		return 0, false
	}
	r.src = r.src[size:]
	return int(n), true
}

// skipTags passes over tagged fields without looking at what they say.
func (r *reader) skipTags() bool {
	count, ok := r.uvarint()
	// A tag is two bytes at least. Without this check a count of four billion
	// would be looped over to find that the first one is not there.
	if !ok || count > len(r.src)/2 {
		return false
	}
	for range count {
		if _, ok = r.uvarint(); !ok {
			return false
		}
		size, ok := r.uvarint()
		if !ok || !r.skip(size) {
			return false
		}
	}
	return true
}
