package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// Decompress appends the uncompressed form of src to dst, limit bytes at most.
func Decompress(dst []byte, c Codec, src []byte, limit int) ([]byte, error) {
	err := Inflate(c, src, limit, func(r io.Reader) error {
		plain, err := io.ReadAll(r)
		dst = append(dst, plain...)
		return err
	})
	return dst, err
}

// TestStreamedBombs: what a batch holds is not in memory at once, whatever its
// codec, and however many are read.
func TestStreamedBombs(t *testing.T) {
	const size, records = 32 << 20, 512
	for c := Gzip; c <= Zstd; c++ {
		b := NewBuilder(c)
		for range records {
			b.Add(1, nil, make([]byte, size/records))
		}
		raw, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		read := func() {
			err = Heads(raw, &h, 2*size, func(Record) error {
				seen++
				return nil
			})
		}
		read() // the pools are filled
		memory := took(func() {
			for range 4 {
				read()
			}
		})
		if err != nil || seen != 5*records {
			t.Errorf("%s: %d records, %v", c, seen, err)
		}
		if memory > size {
			t.Errorf("%s: %d times 4 bytes took %d of memory", c, size, memory)
		}
	}
}

// TestStreamsAgree: the records of a stream are those of the same bytes in
// memory, and where the one finds a fault, the other does.
func TestStreamsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder(None)
		for i := range rapid.IntRange(1, 6).Draw(t, "records") {
			key := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "key")
			if len(key) == 0 {
				key = nil
			}
			b.Add(int64(i), key, make([]byte, rapid.SampledFrom([]int{0, 5, 200, 3 * streamChunk}).Draw(t, "value")))
		}
		raw, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		plain := raw[HeaderSize:]
		for range rapid.IntRange(0, 2).Draw(t, "faults") {
			plain[rapid.IntRange(0, min(len(plain)-1, 80)).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		plain = plain[:len(plain)-rapid.SampledFrom([]int{0, 0, 1, len(plain) / 2}).Draw(t, "cut")]
		walk := func(each func(func(Record) error) error, values bool) (seen []string, err error) {
			err = each(func(r Record) error {
				text := fmt.Sprint(r.OffsetDelta, r.TimestampDelta, r.Key == nil, r.Value == nil)
				if values {
					text += fmt.Sprint(len(r.Key), len(r.Value), r.HeaderCount())
				}
				seen = append(seen, text)
				return nil
			})
			return seen, err
		}
		for _, values := range []bool{false, true} {
			want, wantErr := walk(func(do func(Record) error) error { return eachRecord(plain, &h, do) }, values)
			got, gotErr := walk(func(do func(Record) error) error {
				src := iotest.HalfReader(bytes.NewReader(plain))
				if values {
					return streamRecords(src, &h, do)
				}
				return headRecords(src, &h, do)
			}, values)
			if (wantErr == nil) != (gotErr == nil) || !slices.Equal(got, want) {
				t.Fatalf("values %v: in memory %d records, %v; streamed %d, %v", values, len(want), wantErr, len(got), gotErr)
			}
		}
	})
}

// TestStuckDecoder: a decoder that yields neither bytes nor an error is damage,
// not an endless loop.
func TestStuckDecoder(t *testing.T) {
	b := NewBuilder(None)
	b.Add(1, nil, make([]byte, 100))
	raw, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(io.Reader) error{
		"whole": func(r io.Reader) error { return streamRecords(r, &h, func(Record) error { return nil }) },
		"heads": func(r io.Reader) error { return headRecords(r, &h, func(Record) error { return nil }) },
	} {
		stuck := &stuckReader{rest: raw[HeaderSize : HeaderSize+20]}
		if err := read(&limited{r: stuck, left: 1 << 20, codec: Gzip, limit: 1 << 20}); !errors.Is(err, ErrCorrupt) || !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// stuckReader yields what it has and then nothing.
type stuckReader struct {
	rest  []byte
	times int
}

// Read implements io.Reader.
func (r *stuckReader) Read(p []byte) (int, error) {
	if r.times++; r.times > 1_000_000 {
		return 0, io.EOF // instead of a test that hangs
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestDamageIsToldOnce: one fault, one sentence.
func TestDamageIsToldOnce(t *testing.T) {
	for _, garbage := range []string{strings.Repeat("garbage", 100), xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x03abc"} {
		_, err := Decompress(nil, Snappy, []byte(garbage), 1<<20)
		if !errors.Is(err, ErrCorrupt) || strings.Count(err.Error(), ErrCorrupt.Error()) != 1 {
			t.Errorf("%v", err)
		}
	}
}
