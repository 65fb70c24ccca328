package batch

import (
	"fmt"
	"math"
)

// CheckFrames checks the frames of an uncompressed batch's records: their
// lengths chain from the header to the end of the batch, there are as many as
// the header says, and each has the offset delta of its place. It returns the
// largest timestamp of the records, which the header may not have told truly.
//
// What is inside a record (key, value, headers) is not looked at; Records does.
// It costs a few nanoseconds a record, which is why Produce can afford it for each.
func CheckFrames(b []byte, h *Header) (maxTimestamp int64, err error) {
	src := b[HeaderSize:h.Size]
	at := 0
	latest := int64(math.MinInt64)
	for i := range h.Records {
		length, n := uvarint(src[at:])
		at += n
		// Lengths and deltas are zigzag; length and offset must not be negative.
		size := int(length >> 1)
		if n == 0 || length&1 != 0 || size < recordSizeMin-1 || size > len(src)-at {
			return 0, fmt.Errorf("%w: record %d of %d: its length does not fit the batch", ErrCorrupt, i, h.Records)
		}
		rec := src[at : at+size]
		ts, n := uvarint(rec[1:]) // behind the attributes
		delta, m := uvarint(rec[1+n:])
		if n == 0 || m == 0 {
			return 0, fmt.Errorf("%w: record %d of %d: its timestamp or offset delta is cut off", ErrCorrupt, i, h.Records)
		}
		if delta != uint64(i)<<1 {
			return 0, fmt.Errorf("%w: record %d of %d: offset delta is not %d", ErrInvalid, i, h.Records, i)
		}
		latest = max(latest, h.FirstTimestamp+(int64(ts>>1)^-int64(ts&1)))
		at += size
	}
	if at != len(src) {
		return 0, fmt.Errorf("%w: %d bytes follow the last of %d records", ErrInvalid, len(src)-at, h.Records)
	}
	return latest, nil
}

// uvarint reads an unsigned varint; n is 0 if there is none.
func uvarint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1 // nearly always
	}
	return longUvarint(b)
}

func longUvarint(b []byte) (v uint64, n int) {
	if len(b) > 1 && b[1] < 0x80 {
		return uint64(b[0]&0x7f) | uint64(b[1])<<7, 2
	}
	for shift := 0; n < len(b) && n < 10; n++ {
		c := b[n]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, n + 1
		}
		shift += 7
	}
	return 0, 0
}
