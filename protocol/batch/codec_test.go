package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// decoderBytes is what decoders may keep for themselves: tables, windows of
// the codec's own, and a block or two of LZ4's 4 MiB.
const decoderBytes = 16 << 20

// took is how much memory do allocates.
func took(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

func TestCompressAndBack(t *testing.T) {
	sizes := []int{0, 1, 1000, xerialBlockBytes, xerialBlockBytes + 1, 1 << 20}
	for c := None; c <= Zstd; c++ {
		for _, size := range sizes {
			src := []byte(strings.Repeat("0123456789abcdef", size/16+1))[:size]
			packed, err := Compress([]byte("before"), c, src)
			if err != nil || !bytes.HasPrefix(packed, []byte("before")) {
				t.Fatalf("%s of %d bytes: %v", c, size, err)
			}
			packed = packed[len("before"):]
			got, err := Decompress([]byte("before"), c, packed, size)
			if err != nil || string(got) != "before"+string(src) {
				t.Fatalf("%s of %d bytes: %d came back, %v", c, size, len(got), err)
			}
			if size == 0 {
				continue
			}
			if _, err := Decompress(nil, c, packed, size-1); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s of %d bytes with a limit of one less: %v", c, size, err)
			}
			for _, cut := range []int{len(packed) / 2, len(packed) - 1} {
				if got, err := Decompress(nil, c, packed[:cut], size); err == nil && len(got) == size && c != None {
					t.Errorf("%s of %d bytes: all came back from %d of %d", c, size, cut, len(packed))
				}
			}
		}
	}
}

// TestBombs: a little that claims, or holds, a lot takes no more than the limit.
func TestBombs(t *testing.T) {
	const size, limit = 16 << 20, 1 << 20
	zeros := make([]byte, size)
	for c := Gzip; c <= Zstd; c++ {
		bomb, err := Compress(nil, c, zeros)
		if err != nil {
			t.Fatal(err)
		}
		memory := took(func() { _, err = Decompress(nil, c, bomb, limit) })
		if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "more than 1048576") {
			t.Errorf("%s: %v", c, err)
		}
		if memory > 4*limit+decoderBytes {
			t.Errorf("%s: %d bytes hold %d, and took %d of memory", c, len(bomb), size, memory)
		}
	}
	// A block of snappy says first how much is in it.
	claim := append(binary.AppendUvarint(nil, limit), "abc"...)
	if _, err := Decompress(nil, Snappy, claim, limit); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "claims") {
		t.Errorf("snappy: %v", err)
	}
}

func TestForeignForms(t *testing.T) {
	text := []byte(strings.Repeat("one block, no framing. ", 20))
	if got, err := Decompress(nil, Snappy, s2.EncodeSnappy(nil, text), 1000); err != nil || !bytes.Equal(got, text) {
		t.Errorf("a bare block of snappy: %v", err)
	}
	// A stream does not say how much is in it, as Java's does not.
	var stream bytes.Buffer
	z, err := zstd.NewWriter(&stream)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := z.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	want := 1000 * len(text)
	if got, err := Decompress(nil, Zstd, stream.Bytes(), want); err != nil || len(got) != want {
		t.Errorf("a stream of zstd: %d bytes, %v", len(got), err)
	}
	if _, err := Decompress(nil, Zstd, stream.Bytes(), want-1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a stream of zstd beyond the limit: %v", err)
	}
}

func TestGarbage(t *testing.T) {
	for c := Gzip; c <= Zstd; c++ {
		for _, garbage := range []string{"x", strings.Repeat("garbage", 100), xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01\x7f\xff\xff\xff", xerialMagic + "12345678xx"} {
			if _, err := Decompress(nil, c, []byte(garbage), 1<<20); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s of %.10q: %v", c, garbage, err)
			}
		}
	}
	if _, err := Decompress(nil, 5, nil, 0); !errors.Is(err, ErrCodec) {
		t.Error(err)
	}
	if _, err := Compress(nil, 5, nil); !errors.Is(err, ErrCodec) {
		t.Error(err)
	}
}

func TestBuilder(t *testing.T) {
	b := NewBuilder(None)
	if _, err := b.Build(nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("an empty batch: %v", err)
	}
	b.Add(1, nil, []byte("first"))
	first, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	b = NewBuilder(None)
	b.Control = true
	b.Add(7, []byte{0, 0, 0, 1}, nil)
	both, err := b.Build(first)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Parse(both[len(first):])
	if err != nil || !h.IsControl() || h.Records != 1 || h.FirstTimestamp != 7 {
		t.Errorf("%+v, %v", h, err)
	}
	if err := Verify(both[len(first):], &h); err != nil {
		t.Error(err)
	}
}

// TestBuilderTakes: what is taken is what would have been built, in the memory
// that was asked for, whatever the numbers are.
func TestBuilderTakes(t *testing.T) {
	for _, c := range []Codec{None, Zstd} {
		t.Run(c.String(), func(t *testing.T) {
			const records = 300
			value := bytes.Repeat([]byte("v"), 300)
			b := NewBuilder(c)
			if _, err := b.Take(); !errors.Is(err, ErrInvalid) {
				t.Errorf("an empty batch: %v", err)
			}
			b.Grow(records * (RecordOverhead + len(value)))
			room := cap(b.buf)
			b.Add(math.MaxInt64, nil, value)
			for range records - 1 {
				b.Add(0, nil, value)
			}
			if cap(b.buf) != room {
				t.Errorf("it took %d bytes, room was for %d", cap(b.buf), room)
			}
			built, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := b.Take()
			if err != nil || !bytes.Equal(built, taken) {
				t.Errorf("taken %d bytes, %v; built %d", len(taken), err, len(built))
			}
			if _, err := b.Take(); c == None && !errors.Is(err, ErrInvalid) {
				t.Errorf("taken twice: %v", err)
			}
		})
	}
}
