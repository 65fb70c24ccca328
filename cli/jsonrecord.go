package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

const jsonLong = `In JSON a record is one line:

  {"topic":"orders","partition":0,"offset":7,"timestamp":"2026-11-22T13:00:00.123Z",
   "key":"k","value":"text","headers":[{"key":"h","value":"v"}]}

A key or value that is no UTF-8 stands as keyBase64 or valueBase64 instead; null is one
that the record does not have.`

// jsonRecord is a record for programs. Of key and keyBase64 one is given, and so on.
type jsonRecord struct {
	Topic       string       `json:"topic"`
	Partition   int32        `json:"partition"`
	Offset      int64        `json:"offset"`
	Timestamp   *string      `json:"timestamp"`
	Key         any          `json:"key,omitempty"`
	KeyBase64   string       `json:"keyBase64,omitempty"`
	Value       any          `json:"value,omitempty"`
	ValueBase64 string       `json:"valueBase64,omitempty"`
	Headers     []jsonHeader `json:"headers,omitempty"`
}

type jsonHeader struct {
	Key         string `json:"key"`
	Value       any    `json:"value,omitempty"`
	ValueBase64 string `json:"valueBase64,omitempty"`
}

// jsonTime is how timestamps are written, in UTC.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

func jsonOf(r *kgo.Record) jsonRecord {
	out := jsonRecord{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
	if ms := r.Timestamp.UnixMilli(); ms >= 0 {
		text := time.UnixMilli(ms).UTC().Format(jsonTime)
		out.Timestamp = &text
	}
	out.Key, out.KeyBase64 = jsonBytes(r.Key)
	out.Value, out.ValueBase64 = jsonBytes(r.Value)
	for _, h := range r.Headers {
		value, base := jsonBytes(h.Value)
		out.Headers = append(out.Headers, jsonHeader{h.Key, value, base})
	}
	return out
}

// jsonBytes is a text, JSON's null, or nothing and the bytes in base 64.
func jsonBytes(b []byte) (text any, base string) {
	switch {
	case b == nil:
		return json.RawMessage("null"), ""
	case utf8.Valid(b):
		return string(b), ""
	}
	return nil, base64.StdEncoding.EncodeToString(b)
}

// appendJSON prints a record as one line.
func appendJSON(dst []byte, r *kgo.Record) ([]byte, error) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(jsonOf(r)); err != nil { // ends the line
		return dst, fmt.Errorf("encode a record: %w", err)
	}
	return append(dst, TerminalSafe(line.Bytes())...), nil
}
