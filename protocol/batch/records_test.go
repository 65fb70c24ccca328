package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// collect reads all records, as kmsg's structs.
func collect(b []byte, limit int) ([]kmsg.Record, error) {
	h, err := Parse(b)
	if err != nil {
		return nil, err
	}
	var out []kmsg.Record
	err = Records(b, &h, limit, func(r Record) error {
		k := kmsg.Record{
			OffsetDelta: r.OffsetDelta, TimestampDelta64: r.TimestampDelta, TimestampDelta: int32(r.TimestampDelta),
			Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
		}
		for key, value := range r.Headers() {
			k.Headers = append(k.Headers, kmsg.Header{Key: string(key), Value: bytes.Clone(value)})
		}
		if len(k.Headers) != r.HeaderCount() {
			return errors.New("the headers are not as many as announced")
		}
		out = append(out, k)
		return nil
	})
	return out, err
}

// kmsgRecords is kmsg's reading of uncompressed records.
func kmsgRecords(b []byte) ([]kmsg.Record, error) {
	var batch kmsg.RecordBatch
	if err := batch.ReadFrom(b); err != nil {
		return nil, err
	}
	var out []kmsg.Record
	for src := batch.Records; len(src) > 0; {
		size, n := binary.Varint(src)
		var r kmsg.Record
		if err := r.ReadFrom(src[:n+int(size)]); err != nil {
			return nil, err
		}
		r.Length = 0
		out = append(out, r)
		src = src[n+int(size):]
	}
	return out, nil
}

func TestRecordsAgainstKmsg(t *testing.T) {
	nullable := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOf(rapid.Byte()))
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder(None)
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			var headers []RecordHeader
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				headers = append(headers, RecordHeader{rapid.String().Draw(t, "key"), nullable.Draw(t, "value")})
			}
			b.Add(rapid.Int64Range(0, 1<<45).Draw(t, "time"), nullable.Draw(t, "key"), nullable.Draw(t, "value"), headers...)
		}
		plain, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := kmsgRecords(plain)
		if err != nil {
			t.Fatal(err)
		}
		// Empty and null must stay apart, so cmp may not equate them.
		ignore := cmpopts.IgnoreFields(kmsg.Record{}, "TimestampDelta")
		for codec := None; codec <= Zstd; codec++ {
			b.Codec = codec
			out, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			h, err := Parse(out)
			if err != nil {
				t.Fatal(err)
			}
			if err := Validate(out, &h); err != nil {
				t.Fatal(err)
			}
			got, err := collect(out, 1<<20)
			if err != nil {
				t.Fatalf("%s: %v", codec, err)
			}
			if diff := cmp.Diff(want, got, ignore, cmp.FilterPath(isHeaders, cmpopts.EquateEmpty())); diff != "" {
				t.Fatalf("%s: %s", codec, diff)
			}
		}
	})
}

// isHeaders finds the list of headers, where kmsg tells null from empty.
func isHeaders(p cmp.Path) bool { return p.Last().String() == ".Headers" }

// rawBatch makes a batch around bytes that stand for count records.
func rawBatch(c Codec, count int32, section string) []byte {
	b := make([]byte, HeaderSize, HeaderSize+len(section))
	b = append(b, section...)
	head := NewBuilder(c)
	head.count = count
	head.writeHeader(b)
	sealCRC(b)
	return b
}

func TestRecordsRefuses(t *testing.T) {
	// A record: length, attributes, time delta, offset delta, key, value, headers.
	// Numbers are zigzag varints: 1 is \x02, -1 is \x01.
	const good = "\x0c\x00\x00\x00\x01\x01\x00"
	for _, c := range []struct {
		name    string
		count   int32
		section string
		err     error
		says    string
	}{
		{"good", 1, good, nil, ""},
		{"nothing", 1, "", ErrCorrupt, "record 0 of 1: length is missing"},
		{"one too few", 2, good, ErrCorrupt, "record 1 of 2"},
		{"bytes behind", 1, good + "x", ErrInvalid, "1 bytes follow"},
		{"the same offset twice", 2, good + good, ErrInvalid, "offset delta is 0, expected 1 to 1"},
		{"an offset beyond the last", 1, "\x0c\x00\x00\x02\x01\x01\x00", ErrInvalid, "offset delta is 1, expected 0 to 0"},
		{"a negative offset", 1, "\x0c\x00\x00\x01\x01\x01\x00", ErrCorrupt, "offset delta is -1"},
		{"longer than the batch", 1, "\x0e\x00\x00\x00\x01\x01\x00", ErrCorrupt, "length is 7"},
		{"negative length", 1, "\x01", ErrCorrupt, "length is -1"},
		{"length without an end", 1, "\xff\xff", ErrCorrupt, "length is missing or has no end"},
		{"no attributes", 1, "\x00", ErrCorrupt, "attributes is missing"},
		{"key longer than the record", 1, "\x0c\x00\x00\x00\x7e\x01\x00", ErrCorrupt, "key length is 63"},
		{"key length -2", 1, "\x0c\x00\x00\x00\x03\x01\x00", ErrCorrupt, "key length is -2"},
		{"value longer than the record", 1, "\x0c\x00\x00\x00\x01\x7e\x00", ErrCorrupt, "value length is 63"},
		{"more headers than bytes", 1, "\x0c\x00\x00\x00\x01\x01\x7e", ErrCorrupt, "number of headers is 63"},
		{"negative headers", 1, "\x0c\x00\x00\x00\x01\x01\x01", ErrCorrupt, "number of headers is -1"},
		{"null header key", 1, "\x10\x00\x00\x00\x01\x01\x02\x01\x01", ErrCorrupt, "header key length is -1"},
		{"header value beyond", 1, "\x10\x00\x00\x00\x01\x01\x02\x00\x7e", ErrCorrupt, "header value length is 63"},
		{"a record with room to spare", 1, "\x0e\x00\x00\x00\x01\x01\x00x", ErrCorrupt, "length is 7, with 1 bytes left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := collect(rawBatch(None, c.count, c.section), 0)
			if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.err, c.says)
			}
		})
	}
}

func TestRecordsStopsWhenToldTo(t *testing.T) {
	b := batchOf(t, LZ4, "a", "b", "c")
	h, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	enough, seen := errors.New("enough"), 0
	if err := Records(b, &h, 1000, func(Record) error { seen++; return enough }); !errors.Is(err, enough) || seen != 1 {
		t.Errorf("%d records, %v", seen, err)
	}
}

func TestRecordsAllocatesNothing(t *testing.T) {
	b := batchOf(t, None, strings.Repeat("x", 200), "b", "c")
	h, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	count := func(r Record) error { total += len(r.Value); return nil }
	if n := testing.AllocsPerRun(100, func() {
		if err := Records(b, &h, 0, count); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d bytes", n, total)
	}
}

// FuzzBatch feeds anything to all that reads: no panic, no more memory than
// the limit, and what passes is what kmsg reads.
func FuzzBatch(f *testing.F) {
	for c := None; c <= Zstd; c++ {
		f.Add(batchOf(f, c, "some value", "some value", "another"))
	}
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Parse(data)
		if err != nil {
			return
		}
		sealCRC(data[:h.Size]) // a fuzzer finds no CRCs
		h, err = Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		valid := Validate(data, &h) == nil
		var got []kmsg.Record
		memory := took(func() {
			err = Records(data, &h, limit, func(r Record) error {
				if len(r.Key)+len(r.Value) > limit+len(data) {
					t.Error("a record is larger than the limit")
				}
				return nil
			})
		})
		if memory > 4*limit+64*len(data)+decoderBytes {
			t.Errorf("%d bytes of %s took %d of memory", len(data), h.Codec(), memory)
		}
		if err != nil || !valid || h.Codec() != None {
			return
		}
		got, err = collect(data, limit)
		want, kerr := kmsgRecords(data[:h.Size])
		if err != nil || kerr != nil || len(got) != len(want) || len(got) != int(h.Records) {
			t.Errorf("%d records, %v; kmsg reads %d, %v; the header says %d", len(got), err, len(want), kerr, h.Records)
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	for c := None; c <= Zstd; c++ {
		b.Run(c.String(), func(b *testing.B) {
			data := benchBatch(b, c, 1000, 1024)
			h, err := Parse(data)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if err := Records(data, &h, 2<<20, func(Record) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseValidate(b *testing.B) {
	for name, records := range map[string]int{"16KiB": 16, "1MiB": 1024} {
		b.Run(name, func(b *testing.B) {
			data := benchBatch(b, None, records, 1010)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				h, err := Parse(data)
				if err != nil {
					b.Fatal(err)
				}
				if err := Validate(data, &h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchBatch has values that compress to about a half.
func benchBatch(tb testing.TB, c Codec, records, size int) []byte {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	b := NewBuilder(c)
	value := make([]byte, size)
	for i := range records {
		for j := range value[:size/2] {
			value[j] = byte(r.Uint32())
		}
		b.Add(int64(i), nil, value)
	}
	out, err := b.Build(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}
