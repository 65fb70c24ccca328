package legacy

import (
	"encoding/hex"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// recorded reads a file of "name: hex".
func recorded(tb testing.TB, file string) map[string][]byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if all[name], err = hex.DecodeString(digits); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// told is what somebody is told of a record.
type told struct {
	Offset, Timestamp int64
	Key, Value        string // "null"
}

func textOf(b []byte) string {
	if b == nil {
		return "null"
	}
	return "=" + string(b)
}

// judge is a test, or one of the many of a property.
type judge interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// recordsOf reads the one batch that b must be.
func recordsOf(tb judge, b []byte) (h batch.Header, records []told) {
	tb.Helper()
	h, err := batch.Parse(b)
	if err == nil {
		err = batch.Validate(b, &h)
	}
	if err != nil || h.Size != len(b) {
		tb.Fatalf("a batch of %d bytes of %d: %v", h.Size, len(b), err)
	}
	last := int64(-1)
	err = batch.Records(b, &h, 1<<20, func(r batch.Record) error {
		ts := h.FirstTimestamp + r.TimestampDelta
		if h.LogAppendTime() {
			ts = h.MaxTimestamp
		}
		last = max(last, ts)
		records = append(records, told{int64(h.BaseOffset) + int64(r.OffsetDelta), ts, textOf(r.Key), textOf(r.Value)})
		return nil
	})
	if err != nil || last != h.MaxTimestamp {
		tb.Fatalf("largest timestamp %d, the header says %d: %v", last, h.MaxTimestamp, err)
	}
	return h, records
}

// messagesOf reads a set as old consumers do: it is not the code of Up.
func messagesOf(tb judge, set []byte) (messages []told) {
	tb.Helper()
	for len(set) > 0 {
		n, err := frame(set)
		if err != nil {
			tb.Fatal(err)
		}
		m, err := parse(set[:n])
		if err != nil {
			tb.Fatal(err)
		}
		set = set[n:]
		if m.codec() == batch.None {
			messages = append(messages, told{m.offset, m.timestamp, textOf(m.key), textOf(m.value)})
			continue
		}
		held := messagesOf(tb, plainOf(tb, &m))
		if m.magic > 0 {
			shift := m.offset - held[len(held)-1].Offset
			for i := range held {
				held[i].Offset += shift
				if m.logAppendTime() {
					held[i].Timestamp = m.timestamp
				}
			}
		}
		messages = append(messages, held...)
	}
	return messages
}

// plainOf uncompresses a wrapper; one of LZ4 must have the checksum of its magic.
func plainOf(tb judge, m *message) (plain []byte) {
	tb.Helper()
	value := append([]byte(nil), m.value...)
	if m.codec() == batch.LZ4 && m.magic == 0 {
		if at := lz4ChecksumAt(value); value[at] != byte(xxh32(value[:at])>>8) {
			tb.Fatalf("checksum %#x of the LZ4 header %x is not that of magic 0", value[at], value[:at])
		}
		at := lz4ChecksumAt(value)
		value[at] = byte(xxh32(value[lz4Head:at]) >> 8)
	}
	plain, err := decompress(m.codec(), value, 1<<20)
	if err != nil {
		tb.Fatal(err)
	}
	return plain
}

// took is how many bytes of memory a call takes in all.
func took(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// parsed is the batch that b begins with.
func parsed(tb testing.TB, b []byte) *batch.Batch {
	tb.Helper()
	h, err := batch.Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	return &batch.Batch{Header: h, Bytes: b[:h.Size]}
}

// down converts one batch.
func down(tb testing.TB, magic int8, from int64, b []byte) []byte {
	tb.Helper()
	d := Down{Magic: magic, From: model.Offset(from), BytesMax: 1 << 20, RecordsMax: 1 << 20}
	set, full, err := d.Append(nil, parsed(tb, b))
	if err != nil || full {
		tb.Fatalf("full: %v, %v", full, err)
	}
	return set
}
