package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// keptRecord is a record as Filter must keep it.
type keptRecord struct {
	Delta      int32
	Timestamp  int64
	Key, Value string
	Null       bool
	Headers    int
}

// readBatch checks a batch, and reads it.
func readBatch(t rapid.TB, b []byte) (Header, []keptRecord) {
	t.Helper()
	h, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(b, &h); err != nil || h.Size != len(b) {
		t.Fatalf("a batch of %d bytes of %d: %v", h.Size, len(b), err)
	}
	var out []keptRecord
	err = Records(b, &h, 1<<30, func(r Record) error {
		out = append(out, keptRecord{
			r.OffsetDelta, h.FirstTimestamp + r.TimestampDelta, string(r.Key), string(r.Value), r.Value == nil, r.HeaderCount(),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, out
}

func TestFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder(Codec(rapid.Int8Range(0, 4).Draw(t, "codec")))
		b.BaseOffset, b.LeaderEpoch, b.ProducerID, b.ProducerEpoch, b.BaseSequence = 100, 3, 7, 2, 40
		b.Transactional = rapid.Bool().Draw(t, "transactional")
		n := rapid.IntRange(1, 20).Draw(t, "records")
		for range n {
			size := rapid.SampledFrom([]int{0, 1, 100, 40 << 10}).Draw(t, "size")
			b.Add(rapid.Int64Range(-1, 1<<45).Draw(t, "time"), rapid.SliceOf(rapid.Byte()).Draw(t, "key"),
				bytes.Repeat([]byte{'v'}, size), make([]RecordHeader, rapid.IntRange(0, 2).Draw(t, "headers"))...)
		}
		src, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "append time") {
			SetLogAppendTime(src, 5_000_000)
		}
		opt := FilterOptions{Limit: 1 << 30, SetHorizon: rapid.Bool().Draw(t, "horizon")}
		if opt.SetHorizon {
			opt.DeleteHorizonMs = rapid.OneOf(rapid.Just(int64(math.MaxInt64)), rapid.Int64Range(0, 1<<45)).Draw(t, "ms")
		}
		keep := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "keep")
		once := checkFilter(t, src, opt, keep)
		if once != nil && opt.SetHorizon {
			// What has a horizon keeps it, and its timestamps, the next time.
			h, _ := readBatch(t, once)
			checkFilter(t, once, FilterOptions{Limit: 1 << 30}, keep[:h.Records])
		}
	})
}

// checkFilter filters src, and compares what comes out with what went in.
func checkFilter(t rapid.TB, src []byte, opt FilterOptions, keep []bool) []byte {
	h, all := readBatch(t, src)
	want, latest := []keptRecord{}, int64(math.MinInt64)
	for i, r := range all {
		if keep[i] {
			want, latest = append(want, r), max(latest, r.Timestamp)
		}
	}
	i := -1
	out, err := Filter([]byte("before"), src, &h, opt, func(*Record) bool {
		i++
		return keep[i]
	})
	if len(want) == 0 {
		if !errors.Is(err, ErrInvalid) || string(out) != "before" {
			t.Fatalf("nothing kept: %d bytes, %v", len(out), err)
		}
		return nil
	}
	if err != nil || !bytes.HasPrefix(out, []byte("before")) {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	out = out[len("before"):]
	got, records := readBatch(t, out)
	if diff := cmp.Diff(want, records); diff != "" {
		t.Fatal(diff)
	}
	wantHeader := h
	wantHeader.Size, wantHeader.CRC, wantHeader.Records = got.Size, got.CRC, int32(len(want))
	if !h.LogAppendTime() {
		wantHeader.MaxTimestamp = latest
	}
	if opt.SetHorizon {
		wantHeader.FirstTimestamp = opt.DeleteHorizonMs
		wantHeader.Attributes |= deleteHorizonBit
	}
	if diff := cmp.Diff(wantHeader, got); diff != "" {
		t.Fatal(diff)
	}
	return out
}

// TestFilterMemory: a little that holds a lot is neither read nor written as a
// whole.
func TestFilterMemory(t *testing.T) {
	const records, size = 512, 64 << 10 // 32 MiB
	for c := Gzip; c <= Zstd; c++ {
		b := NewBuilder(c)
		value := make([]byte, size)
		for range records {
			b.Add(1, []byte("key"), value)
		}
		src, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		b = nil
		h, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		memory := took(func() {
			out, err = Filter(nil, src, &h, FilterOptions{Limit: records * (size + 100)}, func(r *Record) bool { return r.OffsetDelta > 0 })
		})
		if err != nil || len(out) > len(src)+4<<10 {
			t.Errorf("%s: %d bytes of %d, %v", c, len(out), len(src), err)
		}
		// 32 MiB would show; snappy's worst ratio leaves 2 MiB, which grow by doubling.
		if memory > decoderBytes+12<<20 {
			t.Errorf("%s: %d bytes of memory", c, memory)
		}
		if out, err = Filter(nil, src, &h, FilterOptions{Limit: size}, func(*Record) bool { return true }); !errors.Is(err, ErrTooLarge) || len(out) != 0 {
			t.Errorf("%s with a small limit: %d bytes, %v", c, len(out), err)
		}
	}
}

// FuzzFilter: whatever bytes stand for records, what comes out is what was kept
// of them, or an error.
func FuzzFilter(f *testing.F) {
	for c := None; c <= Zstd; c++ {
		b := NewBuilder(c)
		b.Add(5, []byte("a"), []byte("1"))
		b.Add(9, []byte("b"), nil, RecordHeader{Key: "h"})
		src, err := b.Build(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int8(c), int32(2), uint64(2), int64(77), src[HeaderSize:])
	}
	f.Fuzz(func(t *testing.T, codec int8, count int32, keep uint64, horizon int64, section []byte) {
		src := rawBatch(Codec(codec&int8(codecMask)), count&0xff, string(section))
		binary.BigEndian.PutUint32(src[atLastOffsetDelta:], 1<<20)
		sealCRC(src)
		h, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		const limit = 1 << 20
		bits := make([]bool, h.Records)
		for i := range bits {
			bits[i] = keep>>(i%64)&1 == 1
		}
		if Records(src, &h, limit, func(Record) error { return nil }) != nil {
			out, err := Filter(nil, src, &h, FilterOptions{Limit: limit}, func(*Record) bool { return true })
			if err == nil {
				t.Fatalf("%d bytes of what cannot be read", len(out))
			}
			return
		}
		checkFilter(t, src, FilterOptions{Limit: limit, SetHorizon: horizon != 0, DeleteHorizonMs: horizon}, bits)
	})
}
