package commands

import (
	"fmt"
	"strconv"
	"strings"
)

// Record is one that is written or was read.
type Record struct {
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       *string  `json:"key"`
	Value     *string  `json:"value"`
	Headers   []Header `json:"headers"`
}

// Header is a name and a value.
type Header [2]string

// String is the record as a word of a command, without its offset.
func (r Record) String() string {
	headers := make([]string, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = h[0] + "=" + h[1]
	}
	return fmt.Sprintf("%d|%d|%s|%s|%s", r.Partition, r.Timestamp, orNull(r.Key), orNull(r.Value), strings.Join(headers, ","))
}

func orNull(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// Parse reads the word.
func Parse(word string) (Record, error) {
	fields := strings.Split(word, "|")
	if len(fields) != 5 {
		return Record{}, fmt.Errorf("record %q: want 5 fields", word)
	}
	partition, err := strconv.ParseInt(fields[0], 10, 32)
	if err != nil {
		return Record{}, err
	}
	r := Record{Partition: int32(partition), Key: text(fields[2]), Value: text(fields[3])}
	if r.Timestamp, err = strconv.ParseInt(fields[1], 10, 64); err != nil {
		return Record{}, err
	}
	if fields[4] == "" {
		return r, nil
	}
	for _, h := range strings.Split(fields[4], ",") {
		name, value, _ := strings.Cut(h, "=")
		r.Headers = append(r.Headers, Header{name, value})
	}
	return r, nil
}

func text(field string) *string {
	if field == "-" {
		return nil
	}
	return &field
}

// Bytes are those of a text, nil for null.
func Bytes(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

// Text is the other way.
func Text(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	return &s
}
