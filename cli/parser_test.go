package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestLines: what lines become with the flags of produce.
func TestLines(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1795352400123)
	for name, c := range map[string]struct {
		parser

		line string
		want kgo.Record
		err  string
	}{
		"a value":           {line: "a:b", want: kgo.Record{Value: []byte("a:b")}},
		"empty":             {line: "", want: kgo.Record{Value: []byte{}}},
		"key and value":     {parser: parser{delimiter: []byte(":")}, line: "a:b:c", want: kgo.Record{Key: []byte("a"), Value: []byte("b:c")}},
		"no key":            {parser: parser{delimiter: []byte(":")}, line: "ab", err: `there is no ":" in it`},
		"null value":        {parser: parser{delimiter: []byte(":"), hasNull: true}, line: "a:", want: kgo.Record{Key: []byte("a")}},
		"null key":          {parser: parser{delimiter: []byte(":"), hasNull: true, null: []byte("-")}, line: "-:v", want: kgo.Record{Value: []byte("v")}},
		"given":             {parser: parser{key: []byte("k"), timestamp: at, partition: 1}, line: "v", want: kgo.Record{Key: []byte("k"), Value: []byte("v"), Timestamp: at, Partition: 1}},
		"too large":         {line: strings.Repeat("x", 101), err: "at most 100 bytes"},
		"JSON":              {parser: parser{json: true}, line: `{"key":"k","value":"v","timestamp":"2026-11-22T13:00:00.123Z","headers":[{"key":"h","value":null}]}`, want: kgo.Record{Key: []byte("k"), Value: []byte("v"), Timestamp: at, Headers: []kgo.RecordHeader{{Key: "h"}}}},
		"JSON of any kind":  {parser: parser{json: true}, line: `{"value":{"a":[1, 2]}}`, want: kgo.Record{Value: []byte(`{"a":[1, 2]}`)}},
		"tombstone":         {parser: parser{json: true}, line: `{"key":"k","value":null}`, want: kgo.Record{Key: []byte("k")}},
		"base 64":           {parser: parser{json: true}, line: `{"keyBase64":"AQ==","valueBase64":"/w=="}`, want: kgo.Record{Key: []byte{1}, Value: []byte{0xff}}},
		"no value":          {parser: parser{json: true}, line: `{"key":"k"}`, err: `it has no "value"`},
		"mistyped":          {parser: parser{json: true}, line: `{"vaule":"k"}`, err: `unknown field "vaule"`},
		"twice":             {parser: parser{json: true}, line: `{"value":"k","valueBase64":"/w=="}`, err: "given twice"},
		"no base 64":        {parser: parser{json: true}, line: `{"valueBase64":"!"}`, err: "not in base 64"},
		"bad time":          {parser: parser{json: true}, line: `{"value":"k","timestamp":"now"}`, err: `timestamp "now"`},
		"more":              {parser: parser{json: true}, line: `{"value":"k"} x`, err: "something stands behind it"},
		"cut off":           {parser: parser{json: true}, line: `{"value":`, err: "ends too early"},
		"blank":             {parser: parser{json: true}, line: ``, err: "ends too early"},
		"same partition":    {parser: parser{json: true, same: true}, line: `{"partition":1,"value":"k"}`, want: kgo.Record{Partition: 1, Value: []byte("k")}},
		"another partition": {parser: parser{json: true}, line: `{"partition":1,"value":"k"}`, want: kgo.Record{Value: []byte("k")}},
		"none that is":      {parser: parser{json: true, same: true}, line: `{"partition":2,"value":"k"}`, err: "0 to 1"},
		"none named":        {parser: parser{json: true, same: true}, line: `{"value":"k"}`, err: "0 to 1"},
	} {
		c.topic, c.partitions, c.bytesMax, c.want.Topic = "orders", 2, 100, "orders"
		got, err := c.record([]byte(c.line))
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", name, err, c.err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		default:
			if d := cmp.Diff(facts(&c.want), facts(got)); d != "" {
				t.Errorf("%s: (-want +got)\n%s", name, d)
			}
		}
	}
}

// recordFacts is what a record is made of.
type recordFacts struct {
	Topic      string
	Partition  int32
	Key, Value []byte
	Headers    []kgo.RecordHeader
	Time       int64
}

func facts(r *kgo.Record) recordFacts {
	return recordFacts{r.Topic, r.Partition, r.Key, r.Value, r.Headers, r.Timestamp.UnixMilli()}
}

// FuzzJSON: a record that is printed in JSON is the same one when it is read again.
func FuzzJSON(f *testing.F) {
	f.Add([]byte("k"), []byte("v"), "h", []byte("x"), int64(1795352400123), true)
	f.Add([]byte(nil), []byte("\xff\x00"), "", []byte("<&>\u2028\x7f"), int64(0), false)
	f.Fuzz(func(t *testing.T, key, value []byte, header string, headerValue []byte, ms int64, null bool) {
		if ms < 0 || ms > 253402300799999 { // years have four digits
			return
		}
		r := &kgo.Record{Topic: "t", Partition: 1, Key: key, Value: value, Timestamp: time.UnixMilli(ms)}
		r.Headers = []kgo.RecordHeader{{Key: strings.ToValidUTF8(header, "?"), Value: headerValue}}
		if null {
			r.Value, r.Headers[0].Value = nil, nil
		}
		line, err := appendJSON(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.IndexByte(line, '\n'); n != len(line)-1 || bytes.ContainsFunc(line[:n], func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 }) {
			t.Fatalf("%q is not one line of text", line)
		}
		p := parser{topic: "t", partitions: 2, bytesMax: 1 << 20, json: true, same: true}
		got, err := p.record(line[:len(line)-1])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if d := cmp.Diff(facts(r), facts(got)); d != "" {
			t.Fatalf("%s: (-want +got)\n%s", line, d)
		}
	})
}

// FuzzFromJSON: no line makes it panic, or a record that is larger than its line.
func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"key":"k","value":{"a":1},"headers":[{"key":"h","valueBase64":"AA=="}]}`))
	f.Add([]byte(`{"value":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		p := parser{topic: "t", partitions: 1, bytesMax: 1 << 20, json: true}
		r, err := p.record(line)
		if err == nil && len(r.Key)+len(r.Value) > 3*len(line) { // U+FFFD for a byte that is no text
			t.Fatalf("%q makes %d bytes", line, len(r.Key)+len(r.Value))
		}
	})
}

// TestReadLine: ends of lines, the last one, and those that are too long.
func TestReadLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 40)
	r := bufio.NewReaderSize(strings.NewReader("a\n\n"+long+"\nlast"), 16)
	for _, want := range []string{"a", "", long, "last"} {
		got, err := readLine(r, 40)
		if err != nil || string(got) != want || got == nil {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := readLine(r, 40); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for _, text := range []string{long + "\n", long} {
		if _, err := readLine(bufio.NewReaderSize(strings.NewReader(text), 16), 39); !errors.Is(err, errLongLine) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
