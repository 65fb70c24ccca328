package telemetry

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/mainstem-mq/mainstem/protocol"
)

// A message takes far more memory than bytes: two of these may stand for a struct of
// two hundred. So the bytes are walked before they are decoded.
const (
	// decodedMax is how much memory a push may take once it is decoded: that of
	// about 15,000 points with four labels each.
	decodedMax = 32 << 20
	// messageCost is about what a message takes with the pointer to it, and with the
	// interface around it where it is one of several.
	messageCost = 208
	// fieldCost is what anything else takes beside its bytes.
	fieldCost = 32
	// nestedMax is how deep messages may be in each other. OTLP's are six deep up to
	// a label's value.
	nestedMax = 16
)

// guard refuses bytes that would take too much memory as the message.
func guard(b []byte, of protoreflect.MessageDescriptor) *protocol.Error {
	w := walk{left: decodedMax}
	return w.message(b, of, 0)
}

// walk goes through the bytes of a message.
type walk struct{ left int }

func (w *walk) message(b []byte, of protoreflect.MessageDescriptor, depth int) *protocol.Error {
	if depth > nestedMax {
		return protocol.Errorf(protocol.InvalidRecord, "The metrics are not OTLP's MetricsData: messages are more than %d deep in each other.", nestedMax)
	}
	if err := w.take(messageCost); err != nil {
		return err
	}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		// Groups, which OTLP has none of, are the only values with values in them here.
		if kind == protowire.StartGroupType || kind == protowire.EndGroupType {
			return protocol.Errorf(protocol.InvalidRecord, "The metrics are not OTLP's MetricsData: they have groups.")
		}
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return malformed(size)
		}
		if err := w.value(b[:size], kind, of.Fields().ByNumber(number), depth); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

func (w *walk) value(b []byte, kind protowire.Type, field protoreflect.FieldDescriptor, depth int) *protocol.Error {
	if field == nil {
		return nil // Unknown ones are thrown away.
	}
	if kind != protowire.BytesType {
		return w.take(fieldCost)
	}
	content, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return malformed(n)
	}
	switch {
	case field.Message() != nil:
		return w.message(content, field.Message(), depth+1)
	case field.IsPacked():
		return w.take(fieldCost + 8*len(content))
	}
	return w.take(fieldCost + len(content))
}

func (w *walk) take(n int) *protocol.Error {
	if w.left -= n; w.left < 0 {
		return protocol.Errorf(protocol.TelemetryTooLarge, "The metrics are too large: they would take more than %d bytes of memory.", decodedMax)
	}
	return nil
}

func malformed(n int) *protocol.Error {
	return protocol.Errorf(protocol.InvalidRecord, "The metrics are not OTLP's MetricsData: %v.", protowire.ParseError(n))
}
