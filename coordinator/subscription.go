package coordinator

import "encoding/binary"

// readSubscription adds the topics of a ConsumerProtocolSubscription and
// reports whether it could be read. Every version begins like version 0, so
// only that prefix is read and later versions need no change here:
//
//	version i16 | count i32 | count times: length i16, bytes | ...
//
// It is a peer's input: nothing is allocated for what the bytes claim.
func readSubscription(b []byte, topics map[string]struct{}) bool {
	if len(b) < 6 || int16(binary.BigEndian.Uint16(b)) < 0 {
		return false
	}
	count := int32(binary.BigEndian.Uint32(b[2:]))
	if count < 0 {
		return false
	}
	b = b[6:]
	for ; count > 0; count-- {
		if len(b) < 2 {
			return false
		}
		n := int(int16(binary.BigEndian.Uint16(b)))
		if n < 0 || n > len(b)-2 {
			return false
		}
		topics[string(b[2:2+n])] = struct{}{}
		b = b[2+n:]
	}
	return true
}
