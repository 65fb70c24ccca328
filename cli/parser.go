package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// parser makes records of lines.
type parser struct {
	topic      string
	partitions int32 // that the topic has
	bytesMax   int   // of a batch

	json      bool
	delimiter []byte // none: a line is a value
	hasNull   bool
	null      []byte
	key       []byte // nil: none is given
	headers   []kgo.RecordHeader
	timestamp time.Time // zero: now, or what JSON says
	partition int32     // -1: by the key
	same      bool      // the partition that JSON names
}

// record makes one of a line, which it keeps.
func (p *parser) record(line []byte) (*kgo.Record, error) {
	r := &kgo.Record{Topic: p.topic, Key: p.key, Value: line, Headers: p.headers, Timestamp: p.timestamp, Partition: max(p.partition, 0)}
	switch {
	case p.json:
		if err := p.fromJSON(r, line); err != nil {
			return nil, err
		}
	case len(p.delimiter) > 0:
		key, value, ok := bytes.Cut(line, p.delimiter)
		if !ok {
			return nil, fmt.Errorf("it has no key: there is no %q in it (--key-delimiter)", p.delimiter)
		}
		r.Key, r.Value = key[:len(key):len(key)], value
	}
	if p.hasNull && !p.json {
		if r.Key != nil && bytes.Equal(r.Key, p.null) {
			r.Key = nil
		}
		if bytes.Equal(r.Value, p.null) {
			r.Value = nil
		}
	}
	if len(r.Key)+len(r.Value) > p.bytesMax {
		return nil, p.tooLarge()
	}
	return r, nil
}

func (p *parser) tooLarge() error {
	return fmt.Errorf("it is too large: topic %s takes at most %d bytes of a record with all that belongs to it (max.message.bytes)", words.Quoted(p.topic), p.bytesMax)
}

// jsonInput is a record in JSON, as jsonRecord is, with values of all kinds.
type jsonInput struct {
	Topic       json.RawMessage `json:"topic"`
	Offset      json.RawMessage `json:"offset"`
	Partition   *int32          `json:"partition"`
	Timestamp   *string         `json:"timestamp"`
	Key         json.RawMessage `json:"key"`
	KeyBase64   *string         `json:"keyBase64"`
	Value       json.RawMessage `json:"value"`
	ValueBase64 *string         `json:"valueBase64"`
	Headers     []struct {
		Key         string          `json:"key"`
		Value       json.RawMessage `json:"value"`
		ValueBase64 *string         `json:"valueBase64"`
	} `json:"headers"`
}

// fromJSON fills a record with what a line says.
func (p *parser) fromJSON(r *kgo.Record, line []byte) error {
	var in jsonInput
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the line ends too early")
		}
		return fmt.Errorf("it is not a record in JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it is not a record in JSON: something stands behind it")
	}
	if in.Value == nil && in.ValueBase64 == nil {
		return errors.New(`it has no "value" ("value":null makes a tombstone)`)
	}
	var err error
	if r.Value, err = bytesOfJSON("value", in.Value, in.ValueBase64); err != nil {
		return err
	}
	if in.Key != nil || in.KeyBase64 != nil {
		if r.Key, err = bytesOfJSON("key", in.Key, in.KeyBase64); err != nil {
			return err
		}
	}
	for _, h := range in.Headers {
		value, err := bytesOfJSON("value of a header", h.Value, h.ValueBase64)
		if err != nil {
			return err
		}
		r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], kgo.RecordHeader{Key: h.Key, Value: value})
	}
	if in.Timestamp != nil && r.Timestamp.IsZero() {
		at, err := time.Parse(time.RFC3339, *in.Timestamp)
		if err != nil {
			return fmt.Errorf("its timestamp %q is not of the form 2026-11-22T13:00:00.123Z", *in.Timestamp)
		}
		r.Timestamp = at
	}
	if p.same {
		if in.Partition == nil || *in.Partition < 0 || *in.Partition >= p.partitions {
			return fmt.Errorf("it does not name a partition that topic %s has: 0 to %d (--partition same)", words.Quoted(p.topic), p.partitions-1)
		}
		r.Partition = *in.Partition
	}
	return nil
}

// bytesOfJSON is a text as it is, and anything else as JSON; nil for null.
func bytesOfJSON(what string, raw json.RawMessage, base *string) ([]byte, error) {
	switch {
	case raw != nil && base != nil:
		return nil, fmt.Errorf("its %s is given twice, as text and in base 64", what)
	case base != nil:
		b, err := base64.StdEncoding.DecodeString(*base)
		if err != nil {
			return nil, fmt.Errorf("its %s is not in base 64: %w", what, err)
		}
		return b, nil
	case raw == nil || string(raw) == "null":
		return nil, nil
	case raw[0] == '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, fmt.Errorf("its %s: %w", what, err)
		}
		return []byte(text), nil
	}
	return raw, nil
}
