package batch

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// TestWriterAgrees: a Writer makes what a Builder makes.
func TestWriterAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Codec(rapid.IntRange(int(None), int(Zstd)).Draw(t, "codec"))
		before := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "before")
		b := NewBuilder(c)
		w, err := NewWriter(bytes.Clone(before), c, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		drawField := func(name string) []byte {
			field := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, name)
			if rapid.Bool().Draw(t, name+" is null") {
				return nil
			}
			return field
		}
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			ts, key, value := rapid.Int64().Draw(t, "timestamp"), drawField("key"), drawField("value")
			b.Add(ts, key, value)
			if err := w.Add(ts, key, value); err != nil {
				t.Fatal(err)
			}
		}
		want, err := b.Build(before)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if c == None && !bytes.Equal(got, want) || !bytes.Equal(got[:len(before)], before) {
			t.Fatalf("%x, expected %x", got, want)
		}
		if a, b := unfolded(t, got[len(before):]), unfolded(t, want[len(before):]); !bytes.Equal(a, b) {
			t.Fatalf("unfolded: %x, expected %x", a, b)
		}
	})
}

// unfolded is a sound batch without its codec: what it holds, and what its header says
// of that.
func unfolded(t *rapid.T, b []byte) []byte {
	h, err := Parse(b)
	if err == nil {
		err = Validate(b, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Decompress(nil, h.Codec(), b[HeaderSize:], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(b[atAttributes:HeaderSize]), plain...)
}

// TestWriterLimit: a batch that becomes too large is an error as soon as it is known,
// and what was there before stays.
func TestWriterLimit(t *testing.T) {
	before := []byte("before")
	for c := None; c <= Zstd; c++ {
		w, err := NewWriter(bytes.Clone(before), c, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		noise := uint32(1)
		for range 5000 {
			value := make([]byte, 1000)
			for i := range value {
				noise = noise*1664525 + 1013904223
				value[i] = byte(noise >> 24)
			}
			if err = w.Add(1, nil, value); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: Add says %v", c, err)
		}
		if out, err := w.Close(); !errors.Is(err, ErrTooLarge) || !bytes.Equal(out, before) {
			t.Errorf("%s: Close gives %d bytes, %v", c, len(out), err)
		}
	}
	w, err := NewWriter(nil, None, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); !errors.Is(err, ErrInvalid) {
		t.Errorf("no records: %v", err)
	}
}
