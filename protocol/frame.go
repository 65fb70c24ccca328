package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// RequestBytesMax is Kafka's default of socket.request.max.bytes.
const RequestBytesMax = 104857600

// frameBytesMin is the shortest request: key, version and correlation id.
const frameBytesMin = 8

// What can be wrong with the first bytes of a request. A connection that sent
// one of these can only be closed: there is no correlation id to answer to.
var (
	ErrFrameSize = errors.New("the frame's size is out of bounds")
	ErrHTTP      = errors.New("this is HTTP, but the port speaks the Kafka protocol")
	ErrTLS       = errors.New("this is a TLS handshake, but the listener is plaintext; " +
		"set security.protocol=PLAINTEXT in the client")
)

// FrameSize reads the four bytes that start every frame and returns how many
// follow. Sizes above limit are refused before a byte is allocated.
//
// Other protocols give themselves away here: the text of an HTTP request and a
// TLS hello both read as a size far above any sensible limit.
func FrameSize(prefix [4]byte, limit int) (int, error) {
	n := int(int32(binary.BigEndian.Uint32(prefix[:])))
	switch {
	case n >= frameBytesMin && n <= limit:
		return n, nil
	case isHTTP(prefix):
		return 0, fmt.Errorf("%w (the client sent %q)", ErrHTTP, prefix[:])
	case prefix[0] == 0x16 && prefix[1] == 0x03: // handshake record, SSL 3 or TLS 1.x
		return 0, ErrTLS
	case n < frameBytesMin:
		return 0, fmt.Errorf("%w: %d bytes, at least %d expected", ErrFrameSize, n, frameBytesMin)
	default:
		return 0, fmt.Errorf("%w: %d bytes, at most %d allowed (socket.request.max.bytes)", ErrFrameSize, n, limit)
	}
}

// isHTTP knows the first four bytes of every HTTP method, and of HTTP/2.
func isHTTP(prefix [4]byte) bool {
	switch string(prefix[:]) {
	case "GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ":
		return true
	}
	return false
}

// AppendResponse appends the whole frame of an answer: size, header and body.
func AppendResponse(dst []byte, correlation int32, resp kmsg.Response, flexibleHeader bool) []byte {
	start := len(dst)
	dst = appendResponseHeader(dst, correlation, flexibleHeader)
	dst = resp.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// appendResponseHeader appends room for the frame's size, and the header:
// version 1, with no tagged fields, if flexible, else version 0.
func appendResponseHeader(dst []byte, correlation int32, flexible bool) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlation))
	if flexible {
		dst = append(dst, 0)
	}
	return dst
}
