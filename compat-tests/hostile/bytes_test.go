package hostile

import (
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const closedMetric = "mainstem_connections_closed_total"

// hello is the begin of a TLS 1.2 ClientHello record.
var hello = []byte{0x16, 0x03, 0x01, 0x00, 0xc8, 0x01, 0x00, 0x00, 0xc4, 0x03, 0x03}

// TestOtherProtocols sends what is not Kafka's: closed, said and counted.
func TestOtherProtocols(t *testing.T) {
	for _, tc := range []struct {
		name, reason, word string
		bytes              []byte
	}{
		{"HTTP GET", "http", "this is HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		{"HTTP POST", "http", "this is HTTP", []byte("POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")},
		{"TLS", "tls", "this is a TLS handshake", append(hello, make([]byte, 194)...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			send := func() {
				nc := dial(t)
				if _, err := nc.Write(tc.bytes); err != nil {
					t.Fatal(err)
				}
				closed(t, nc)
			}
			counted(t, closedMetric, `reason="`+tc.reason+`"`, func() { told(t, send, "connection closed", tc.word) })
			unharmed(t)
		})
	}
}

// header is that of version 1, without tags.
func header(key, version int16) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 7, 0, 7)
	return append(b, "hostile"...)
}

func framed(size int32, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), body...)
}

func whole(body []byte) []byte { return framed(int32(len(body)), body) }

// TestFrames sends frames that lie: closed and counted, and no memory is taken
// for what they claim.
func TestFrames(t *testing.T) {
	const metadata, produce = 3, 0
	for _, tc := range []struct {
		name, reason string
		bytes        []byte
	}{
		{"negative", "frame", framed(-1, header(metadata, 1))},
		{"least", "frame", framed(-1<<31, nil)},
		{"2 GiB", "frame", framed(1<<31-1, header(produce, 9))},
		{"over the limit", "frame", framed(105<<20, header(produce, 9))},
		{"empty", "frame", framed(0, nil)},
		{"less than a header", "frame", framed(3, []byte{0, 3, 0})},
		{"unknown key", "request", whole(header(999, 0))},
		{"negative key", "request", whole(header(-7, 0))},
		{"a million names in no bytes", "request", whole(append(header(metadata, 1), 0, 0x0f, 0x42, 0x40))},
		{"names by the billion", "request", whole(append(header(metadata, 1), 0x7f, 0xff, 0xff, 0xff))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := anon(t)
			counted(t, closedMetric, `reason="`+tc.reason+`"`, func() {
				nc := dial(t)
				if _, err := nc.Write(tc.bytes); err != nil {
					t.Fatal(err)
				}
				if got := closed(t, nc); len(got) > 0 {
					t.Errorf("answered %d bytes", len(got))
				}
			})
			spared(t, before, 16)
		})
	}
	unharmed(t)
}

// TestTruncated ends frames early, by the hundred and each with a large claim.
func TestTruncated(t *testing.T) {
	before := anon(t)
	for range 200 {
		nc := dial(t)
		if _, err := nc.Write(framed(90<<20, header(0, 9))); err != nil {
			t.Fatal(err)
		}
		if err := nc.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		closed(t, nc)
	}
	spared(t, before, 64)
	unharmed(t)
}

// TestUnsupportedVersion asks for versions of the future.
func TestUnsupportedVersion(t *testing.T) {
	const unsupported = 35
	t.Run("ApiVersions", func(t *testing.T) {
		nc := dial(t)
		counted(t, "mainstem_unsupported_versions_total", "", func() {
			if _, err := nc.Write(whole(header(18, 99))); err != nil {
				t.Fatal(err)
			}
			var head [10]byte
			if n, err := nc.Read(head[:]); err != nil || n < len(head) {
				t.Fatalf("%d bytes of an answer, %v", n, err)
			}
			if code := binary.BigEndian.Uint16(head[8:]); code != unsupported {
				t.Errorf("error %d", code)
			}
		})
		// The connection goes on, with a version that is served.
		req := kmsg.NewPtrApiVersionsRequest()
		req.SetVersion(0)
		if _, err := nc.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 8)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("Metadata", func(t *testing.T) {
		counted(t, "mainstem_unsupported_versions_total", "", func() {
			told(t, func() {
				nc := dial(t)
				if _, err := nc.Write(whole(header(3, 99))); err != nil {
					t.Fatal(err)
				}
				if err := nc.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				closed(t, nc)
			}, "hostile", "99")
		})
	})
	unharmed(t)
}
