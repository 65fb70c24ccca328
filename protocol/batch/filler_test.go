package batch

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// TestFiller: a filler takes its offsets, is as long as a marker, and ends no transaction.
func TestFiller(t *testing.T) {
	for _, n := range []int{1, 2, 200, FillerMax} {
		b := AppendFiller([]byte("before"), 1<<40, n, 1234)[len("before"):]
		h, read := readBatch(t, b)
		if h.BaseOffset != 1<<40 || h.LastOffset() != 1<<40+model.Offset(n)-1 || len(b) != MarkerSize || len(read) != 1 || h.MaxTimestamp != 1234 {
			t.Errorf("%d offsets: %+v with %d records in %d bytes", n, h, len(read), len(b))
		}
		if _, ends, err := ReadMarker(b, &h); ends || err != nil {
			t.Errorf("%d offsets: ends a transaction %t, error %v", n, ends, err)
		}
		if err := ValidateImported(b, &h); err != nil {
			t.Error(err)
		}
	}
}

// TestWiden: whatever a batch was of, its records are the same afterwards, and its offsets
// are those up to the end.
func TestWiden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		made := NewBuilder(Codec(rapid.Int8Range(0, 4).Draw(t, "codec")))
		made.BaseOffset, made.LeaderEpoch = model.Offset(rapid.Int64Range(0, 1<<50).Draw(t, "base")), 3
		if rapid.Bool().Draw(t, "idempotent") {
			made.ProducerID, made.ProducerEpoch, made.BaseSequence = 7, 2, 40
			made.Transactional = rapid.Bool().Draw(t, "transactional")
		}
		n := rapid.IntRange(1, 20).Draw(t, "records")
		for i := range n {
			made.Add(int64(i), []byte{byte(i)}, bytes.Repeat([]byte{'v'}, i), make([]RecordHeader, i%3)...)
		}
		b, err := made.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, before := readBatch(t, b)
		appended := rapid.Bool().Draw(t, "log append time")
		if appended {
			SetLogAppendTime(b, 99)
			h, before = readBatch(t, b)
		}
		if rapid.Bool().Draw(t, "filtered") {
			first := before[0]
			if b, err = Filter(nil, b, &h, FilterOptions{Limit: 1 << 20, SetHorizon: true, DeleteHorizonMs: 5}, func(r *Record) bool { return r.OffsetDelta == first.Delta }); err != nil {
				t.Fatal(err)
			}
			_, before = readBatch(t, b)
		}
		if h, err = Parse(b); err != nil {
			t.Fatal(err)
		}
		end := h.LastOffset() + 1 + model.Offset(rapid.SampledFrom([]int64{0, 0, 1, 1000, FillerMax - int64(n)}).Draw(t, "wider"))
		if err := Widen(b, &h, end); err != nil {
			t.Fatal(err)
		}
		got, after := readBatch(t, b)
		if !cmp.Equal(before, after) || got != h || h.LastOffset() != end-1 || h.LogAppendTime() != appended {
			t.Fatalf("%+v and then %+v, %+v up to %d", before, after, got, end)
		}
		if err := ValidateImported(b, &h); err != nil {
			t.Fatal(err)
		}
	})
}

// TestValidateImported: what else an importer may not send.
func TestValidateImported(t *testing.T) {
	plain := func(change func(*Builder)) []byte {
		b := NewBuilder(None)
		if change != nil {
			change(b)
		}
		b.Add(1, []byte("k"), []byte("v"))
		out, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	twisted := func(b []byte, at int, to byte) []byte {
		b = slices.Clone(b)
		b[at] = to
		sealCRC(b)
		return b
	}
	filler := AppendFiller(nil, 0, 10, 0)
	for name, b := range map[string][]byte{
		"a producer":             plain(func(b *Builder) { b.ProducerID, b.ProducerEpoch, b.BaseSequence = 1, 0, 0 }),
		"an epoch":               plain(func(b *Builder) { b.ProducerEpoch = 0 }),
		"control":                plain(func(b *Builder) { b.Control = true }),
		"a marker":               AppendMarker(nil, &Marker{Producer: 1, Commit: true}),
		"an abort":               twisted(filler, HeaderSize+8, markerAbort),
		"a negative delta":       twisted(filler, atLastOffsetDelta, 0x80),
		"fewer offsets":          twisted(plain(nil), atRecords+3, 2),
		"no records":             twisted(plain(nil), atRecords+3, 0),
		"codec 5":                twisted(plain(nil), atAttributes+1, 5),
		"an unknown bit":         twisted(plain(nil), atAttributes, 1),
		"a negative base offset": plain(func(b *Builder) { b.BaseOffset = -1 }),
		"the last offset of all": plain(func(b *Builder) { b.BaseOffset = math.MaxInt64 - 0; b.Add(1, nil, nil) }),
		"damage":                 append(plain(nil)[:66:66], "xxxx"...),
	} {
		h, err := Parse(b)
		if err == nil {
			err = ValidateImported(b, &h)
		}
		if err == nil {
			t.Errorf("%s: was taken: %+v", name, h)
		}
	}
	b := plain(func(b *Builder) { b.BaseOffset = 5 })
	h, _ := Parse(b)
	for _, end := range []model.Offset{5, 0, -1, 5 + FillerMax + 1, math.MaxInt64} {
		if err := Widen(b, &h, end); !errors.Is(err, ErrInvalid) {
			t.Errorf("widened to %d: %v", end, err)
		}
	}
}
