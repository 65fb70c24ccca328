package telemetry

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// wrapped is b as the content of a field, n times over.
func wrapped(b []byte, field protowire.Number, n int) []byte {
	for range n {
		b = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), b)
	}
	return b
}

// TestGuard: bytes that would take far more memory than they are, or are nothing that
// OTLP has, are refused before they are decoded.
func TestGuard(t *testing.T) {
	t.Parallel()
	// An attribute's value: an array of arrays of arrays.
	deep := wrapped(nil, 1, 1)
	for range 200 {
		deep = wrapped(wrapped(deep, 1, 1), 5, 1)
	}
	// ResourceMetrics, Resource, KeyValue's value.
	deep = wrapped(wrapped(wrapped(wrapped(deep, 2, 1), 1, 1), 1, 1), 1, 1)
	for name, tc := range map[string]struct {
		b    []byte
		want protocol.ErrorCode
	}{
		"nothing":            {nil, protocol.NoError},
		"many empty structs": {bytes.Repeat([]byte{0x0a, 0}, 1<<20), protocol.TelemetryTooLarge},
		"many buckets":       {wrapped(wrapped(wrapped(wrapped(wrapped(wrapped(make([]byte, 4<<20), 6, 1), 1, 1), 9, 1), 2, 1), 2, 1), 1, 1), protocol.TelemetryTooLarge},
		"too deep":           {deep, protocol.InvalidRecord},
		"a group":            {protowire.AppendTag(nil, 1, protowire.StartGroupType), protocol.InvalidRecord},
		"an end":             {protowire.AppendTag(nil, 1, protowire.EndGroupType), protocol.InvalidRecord},
		"cut":                {[]byte{0x0a, 5, 0}, protocol.InvalidRecord},
		"a bad tag":          {[]byte{0}, protocol.InvalidRecord},
		"not UTF-8":          {wrapped(wrapped(wrapped([]byte{0xff}, 1, 1), 2, 1), 2, 1), protocol.InvalidRecord},
		"an unknown field":   {wrapped([]byte("x"), 1000, 1), protocol.NoError},
	} {
		if name == "not UTF-8" {
			tc.b = wrapped(tc.b, 1, 1)
		}
		_, err := decode(batch.None, tc.b, 8<<20)
		got := protocol.NoError
		if err != nil {
			got = err.Code
		}
		if got != tc.want {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
}

// FuzzPush pushes any bytes: the answer is one of the protocol's, what it takes of
// memory is bounded, and whatever is kept can be scraped.
func FuzzPush(f *testing.F) {
	whole := message(f, gauge("org.apache.kafka.a", value(1, "k", "v")), counter("b", true, value(2)), counter("c", false, value(3)))
	for codec := batch.None; codec <= batch.Zstd; codec++ {
		b, err := batch.Compress(nil, codec, whole)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int8(codec), b)
	}
	f.Add(int8(0), message(f, &metricsv1.Metric{Name: "h", Data: &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{
		DataPoints: []*metricsv1.HistogramDataPoint{{BucketCounts: []uint64{1, 2}, ExplicitBounds: []float64{1}}},
	}}}))
	f.Add(int8(0), bytes.Repeat([]byte{0x0a, 0}, 1000))
	f.Fuzz(func(t *testing.T, codec int8, b []byte) {
		w := newWorld(t, Config{PushBytesMax: 1 << 16, SeriesMax: 50}, everything()).told()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		code := w.send(Push{Codec: batch.Codec(codec), Metrics: b})
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 3*decodedMax {
			t.Errorf("%d bytes took %d of memory", len(b), took)
		}
		switch code {
		case protocol.NoError, protocol.InvalidRecord, protocol.TelemetryTooLarge, protocol.UnsupportedCompressionType:
		default:
			t.Errorf("answered %s", code)
		}
		if got := len(w.scrape(familyPrefix)); got > 50 {
			t.Errorf("%d series", got)
		}
		w.pass(time.Hour)
		if got := w.scrape(familyPrefix); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
	})
}
