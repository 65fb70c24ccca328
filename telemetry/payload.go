package telemetry

import (
	"errors"
	"io"

	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// payloadFactor is how many times a push may grow when it is uncompressed: names and
// labels repeat, and so metrics compress well, but what compresses much better is a bomb.
const payloadFactor = 4

// decode makes the message of a push that may hold at most so many bytes.
func decode(codec batch.Codec, compressed []byte, bytesMax int) (*metricsv1.MetricsData, *protocol.Error) {
	var plain []byte
	err := batch.Inflate(codec, compressed, bytesMax, func(r io.Reader) error {
		var err error
		plain, err = io.ReadAll(r)
		return err
	})
	switch {
	case errors.Is(err, batch.ErrTooLarge):
		return nil, protocol.Errorf(protocol.TelemetryTooLarge, "The metrics are too large: %v.", err)
	case err != nil:
		return nil, protocol.Errorf(protocol.InvalidRecord, "The metrics cannot be uncompressed: %v.", err)
	}
	data := new(metricsv1.MetricsData)
	if err := guard(plain, data.ProtoReflect().Descriptor()); err != nil {
		return nil, err
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(plain, data); err != nil {
		return nil, protocol.Errorf(protocol.InvalidRecord, "The metrics are not OTLP's MetricsData: %v.", err)
	}
	return data, nil
}
