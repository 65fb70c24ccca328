package protocol

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Decode reads the body of a request. The bytes are checked first (see
// guard.go), as kmsg allocates what they claim. Byte fields, Produce's records
// above all, alias body; strings are copies.
//
// The error's code is InvalidRequest, or UnsupportedVersion for a key or
// version that has no layout here.
func Decode(key Key, version int16, body []byte) (kmsg.Request, error) {
	if _, err := Measure(key, version, body); err != nil {
		return nil, err
	}
	return DecodeMeasured(key, version, body)
}

// DecodeMeasured is Decode for a body that Measure has found sound.
func DecodeMeasured(key Key, version int16, body []byte) (kmsg.Request, error) {
	req := kmsg.RequestForKey(int16(key))
	if req == nil {
		return nil, Errorf(UnsupportedVersion, "%s is not served", key)
	}
	req.SetVersion(version)
	if err := req.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%w (%w)", Errorf(InvalidRequest, "%s v%d cannot be decoded", key, version), err)
	}
	return req, nil
}
