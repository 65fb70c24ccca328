package protocol

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestFrameSize(t *testing.T) {
	for _, c := range []struct {
		name   string
		prefix string
		size   int
		err    error
		says   string
	}{
		{"the least", "\x00\x00\x00\x08", 8, nil, ""},
		{"the most", "\x06\x40\x00\x00", RequestBytesMax, nil, ""},
		{"one more", "\x06\x40\x00\x01", 0, ErrFrameSize, "104857601 bytes, at most 104857600"},
		{"no header fits", "\x00\x00\x00\x07", 0, ErrFrameSize, "7 bytes, at least 8"},
		{"zero", "\x00\x00\x00\x00", 0, ErrFrameSize, "0 bytes"},
		{"negative", "\xff\xff\xff\xff", 0, ErrFrameSize, "-1 bytes"},
		{"2 GiB", "\x7f\xff\xff\xff", 0, ErrFrameSize, "2147483647 bytes"},
		{"a browser", "GET ", 0, ErrHTTP, `"GET "`},
		{"a form", "POST", 0, ErrHTTP, "Kafka protocol"},
		{"HTTP/2", "PRI ", 0, ErrHTTP, "Kafka protocol"},
		{"TLS 1.x", "\x16\x03\x01\x02", 0, ErrTLS, "security.protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			size, err := FrameSize([4]byte([]byte(c.prefix)), RequestBytesMax)
			if size != c.size || !errors.Is(err, c.err) {
				t.Fatalf("got %d, %v; want %d, %v", size, err, c.size, c.err)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}

// frameOf makes a frame with kmsg's own formatter, without the size.
func frameOf(req kmsg.Request, client string, correlation int32) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID(client)).AppendRequest(nil, req, correlation)[4:]
}

func TestParseHeader(t *testing.T) {
	eachVersion(func(key Key, version int16) {
		req := kmsg.RequestForKey(int16(key))
		req.SetVersion(version)
		h, body, err := ParseHeader(frameOf(req, "a client", 77))
		want := RequestHeader{Key: key, Version: version, Correlation: 77, ClientID: "a client"}
		if err != nil || h != want {
			t.Fatalf("%s v%d: got %+v, %v", key, version, h, err)
		}
		if string(body) != string(req.AppendTo(nil)) {
			t.Errorf("%s v%d: the body is %x", key, version, body)
		}
	})
}

func TestParseHeaderOddities(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame string
		want  RequestHeader
		rest  string
		err   error
	}{
		{"cut in the fixed part", "\x00\x00\x00\x03\x00\x00\x00", RequestHeader{}, "", ErrHeader},
		{"no client id", "\x00\x00\x00\x03\x00\x00\x00\x01", RequestHeader{Version: 3, Correlation: 1}, "", ErrHeader},
		{"client id longer than the frame", "\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02a", RequestHeader{Version: 3, Correlation: 1}, "", ErrHeader},
		{"null client id", "\x00\x00\x00\x03\x00\x00\x00\x01\xff\xffrest", RequestHeader{Version: 3, Correlation: 1}, "rest", nil},
		{
			"ControlledShutdown v0 has none", "\x00\x07\x00\x00\x00\x00\x00\x01rest",
			RequestHeader{Key: KeyControlledShutdown, Correlation: 1},
			"rest", nil,
		},
		{
			"unknown key names the client", "\x03\xe7\x00\x00\x00\x00\x00\x01\x00\x01a",
			RequestHeader{Key: 999, Correlation: 1, ClientID: "a"},
			"", ErrUnknownKey,
		},
		{
			"negative key", "\xff\xff\x00\x00\x00\x00\x00\x01\x00\x01a",
			RequestHeader{Key: -1, Correlation: 1, ClientID: "a"},
			"", ErrUnknownKey,
		},
		{
			"tagged fields are skipped", "\x00\x12\x00\x03\x00\x00\x00\x01\x00\x01a\x02\x00\x01x\x05\x00rest",
			RequestHeader{Key: KeyApiVersions, Version: 3, Correlation: 1, ClientID: "a"},
			"rest", nil,
		},
		{
			"a version not known yet", "\x00\x12\x00\x63\x00\x00\x00\x01\x00\x01a\x00rest",
			RequestHeader{Key: KeyApiVersions, Version: 99, Correlation: 1, ClientID: "a"},
			"rest", nil,
		},
		{
			"tagged fields beyond the frame", "\x00\x12\x00\x03\x00\x00\x00\x01\x00\x01a\x01\x00\x05x",
			RequestHeader{Key: KeyApiVersions, Version: 3, Correlation: 1, ClientID: "a"},
			"", ErrHeader,
		},
		{
			"four thousand million tagged fields", "\x00\x12\x00\x03\x00\x00\x00\x01\x00\x01a\xff\xff\xff\xff\x0f",
			RequestHeader{Key: KeyApiVersions, Version: 3, Correlation: 1, ClientID: "a"},
			"", ErrHeader,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, rest, err := ParseHeader([]byte(c.frame))
			if h != c.want || string(rest) != c.rest || !errors.Is(err, c.err) {
				t.Errorf("got %+v, %q, %v; want %+v, %q, %v", h, rest, err, c.want, c.rest, c.err)
			}
		})
	}
}

func TestAppendResponse(t *testing.T) {
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.SetVersion(3)
	resp.ErrorCode = int16(RebalanceInProgress)
	got := AppendResponse([]byte("before"), 5, resp, false)
	if want := "before\x00\x00\x00\x0a\x00\x00\x00\x05\x00\x00\x00\x00\x00\x1b"; string(got) != want {
		t.Errorf("plain: %q, want %q", got, want)
	}
	resp.SetVersion(4)
	got = AppendResponse(nil, 5, resp, KeyHeartbeat.FlexibleResponseHeader(4))
	if want := "\x00\x00\x00\x0c\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x1b\x00"; string(got) != want {
		t.Errorf("flexible: %q, want %q", got, want)
	}
	if KeyApiVersions.FlexibleResponseHeader(4) {
		t.Error("an ApiVersions answer has the old header always")
	}
}

func TestAPIVersionsResponse(t *testing.T) {
	served := []VersionRange{{KeyProduce, 0, 13}, {KeyApiVersions, 0, 4}}
	features := []Feature{{"group.version", 0, 1, 1}, {"kraft.version", 0, 1, 0}}
	for _, version := range []int16{5, 99, -1} {
		got := AppendResponse(nil, 1, ApiVersionsResponse(version, served, features), false)
		// What Kafka 4.2 answers: 16 bytes with the correlation id.
		if want := "\x00\x00\x00\x10\x00\x00\x00\x01\x00\x23\x00\x00\x00\x01\x00\x12\x00\x00\x00\x04"; string(got) != want {
			t.Errorf("v%d: %q, want %q", version, got, want)
		}
	}
	for version := range int16(ApiVersionsVersionMax + 1) {
		body := ApiVersionsResponse(version, served, features).AppendTo(nil)
		got := kmsg.NewPtrApiVersionsResponse()
		got.SetVersion(version)
		if err := got.ReadFrom(body); err != nil || len(got.ApiKeys) != 2 || got.ApiKeys[0].MaxVersion != 13 || got.ErrorCode != 0 {
			t.Fatalf("v%d: %+v, %v", version, got, err)
		}
		switch {
		case version < 3 && got.SupportedFeatures != nil:
			t.Errorf("v%d: it has no features", version)
		case version >= 3 && (len(got.SupportedFeatures) != 2 || len(got.FinalizedFeatures) != 1 || got.FinalizedFeaturesEpoch != 0):
			t.Errorf("v%d: features are %+v", version, got)
		case version == 3 && got.SupportedFeatures[0].MinVersion != 1, version == 4 && got.SupportedFeatures[0].MinVersion != 0:
			t.Errorf("v%d: least level is %d", version, got.SupportedFeatures[0].MinVersion)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	eachVersion(func(key Key, version int16) {
		req := kmsg.RequestForKey(int16(key))
		req.SetVersion(version)
		f.Add(frameOf(req, "c", 1))
	})
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, body, err := ParseHeader(frame)
		if err != nil {
			return
		}
		if len(body)+len(h.ClientID)+8 > len(frame) {
			t.Errorf("%d bytes have a body of %d and a client id of %d", len(frame), len(body), len(h.ClientID))
		}
		if int16(binary.BigEndian.Uint16(frame)) != int16(h.Key) {
			t.Errorf("key is %d", h.Key)
		}
	})
}
