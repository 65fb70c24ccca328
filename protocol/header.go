package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrHeader says that a request's header cannot be read.
var ErrHeader = errors.New("the request header is damaged")

// ErrUnknownKey says that Kafka has no such API key.
var ErrUnknownKey = errors.New("unknown API key")

// RequestHeader is what precedes every request's body.
type RequestHeader struct {
	Key         Key
	Version     int16
	Correlation int32
	ClientID    string // "" also stands for null: Kafka treats them alike
}

// ParseHeader splits a frame (without its size) into header and body. The body
// aliases the frame; the client id is the only allocation.
//
// Whether the version is supported is the caller's business. On ErrUnknownKey
// the header is filled as far as an old header goes, so that a log line can
// name the client.
func ParseHeader(frame []byte) (RequestHeader, []byte, error) {
	if len(frame) < frameBytesMin {
		return RequestHeader{}, nil, fmt.Errorf("%w: %d bytes, at least %d expected", ErrHeader, len(frame), frameBytesMin)
	}
	h := RequestHeader{
		Key:         Key(binary.BigEndian.Uint16(frame)),
		Version:     int16(binary.BigEndian.Uint16(frame[2:])),
		Correlation: int32(binary.BigEndian.Uint32(frame[4:])),
	}
	body := frame[frameBytesMin:]
	if h.Key == KeyControlledShutdown && h.Version == 0 {
		return h, body, nil // header version 0: the only request without a client id
	}
	var err error
	if h.ClientID, body, err = clientID(body); err != nil {
		return h, nil, err
	}
	if !h.Key.Known() {
		return h, nil, fmt.Errorf("%w %d", ErrUnknownKey, int16(h.Key))
	}
	if h.Key.Flexible(h.Version) {
		r := reader{src: body}
		if !r.skipTags() {
			return h, nil, fmt.Errorf("%w: tagged fields reach beyond the frame", ErrHeader)
		}
		body = r.src
	}
	return h, body, nil
}

// clientID reads the nullable string, which keeps its old encoding in flexible
// versions, so that a server can read it in versions that it does not know.
func clientID(b []byte) (string, []byte, error) {
	if len(b) < 2 {
		return "", nil, fmt.Errorf("%w: it ends before the client id", ErrHeader)
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	switch {
	case n < 0:
		return "", b, nil
	case n > len(b):
		return "", nil, fmt.Errorf("%w: client id of %d bytes, %d left", ErrHeader, n, len(b))
	}
	return string(b[:n]), b[n:], nil
}
