package legacy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// TestDownRecorded: a broker of Kafka 3.9 makes the same messages of the same batches:
// byte for byte, or, where a compressor is in between, for what it was given.
func TestDownRecorded(t *testing.T) {
	all := recorded(t, "brokers.txt")
	compared := 0
	for name, want := range all {
		of, how, ok := strings.Cut(name, " magic ")
		if !ok {
			continue
		}
		var magic int8
		var from int64
		if _, err := fmt.Sscanf(how, "%d from %d", &magic, &from); err != nil {
			t.Fatal(err)
		}
		compared++
		got := down(t, magic, from, all[of+" batch"])
		if strings.Contains(name, " none ") {
			if !bytes.Equal(got, want) {
				t.Errorf("%s: %x, expected %x", name, got, want)
			}
			continue
		}
		a, b := wrapperOf(t, got), wrapperOf(t, want)
		if d := cmp.Diff(plainOf(t, &b), plainOf(t, &a)); d != "" {
			t.Errorf("%s: inner messages\n%s", name, d)
		}
		if a.codec() == batch.LZ4 && !bytes.Equal(a.value[:7], b.value[:7]) {
			t.Errorf("%s: LZ4's header is %x, expected %x", name, a.value[:7], b.value[:7])
		}
		a.value, b.value = nil, nil
		if d := cmp.Diff(b, a, cmp.AllowUnexported(message{})); d != "" {
			t.Errorf("%s: wrapper (-want +got)\n%s", name, d)
		}
	}
	if compared != 32 {
		t.Errorf("%d sets", compared)
	}
}

// wrapperOf reads the one message that a set must have.
func wrapperOf(tb testing.TB, set []byte) message {
	tb.Helper()
	n, err := frame(set)
	if err != nil || n != len(set) {
		tb.Fatalf("%d of %d bytes: %v", n, len(set), err)
	}
	m, err := parse(set)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// TestDownAndUp: records come back from either format as they were, but for what it
// cannot say.
func TestDownAndUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codec := batch.Codec(rapid.IntRange(int(batch.None), int(batch.LZ4)).Draw(t, "codec"))
		magic := int8(rapid.IntRange(0, 1).Draw(t, "magic"))
		b := batch.NewBuilder(codec)
		b.BaseOffset = model.Offset(rapid.Int64Range(0, 1<<40).Draw(t, "base"))
		var want []told
		for i := range rapid.IntRange(1, 30).Draw(t, "records") {
			ts := rapid.Int64Range(-1, 1<<50).Draw(t, "timestamp")
			key, value := drawn(t, "key"), drawn(t, "value")
			b.Add(ts, key, value, batch.RecordHeader{Key: "h"})
			if magic == 0 {
				ts = -1
			}
			want = append(want, told{int64(b.BaseOffset) + int64(i), ts, textOf(key), textOf(value)})
		}
		raw, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		d := Down{Magic: magic, BytesMax: 1 << 20, RecordsMax: 1 << 20}
		h, err := batch.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		set, full, err := d.Append(nil, &batch.Batch{Header: h, Bytes: raw})
		if err != nil || full {
			t.Fatal(full, err)
		}
		if diff := cmp.Diff(want, messagesOf(t, set)); diff != "" {
			t.Fatalf("messages (-want +got)\n%s", diff)
		}
		again, err := Up(set, roomy)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].Offset = int64(i)
		}
		_, records := recordsOf(t, again)
		if diff := cmp.Diff(want, records); diff != "" {
			t.Fatalf("records (-want +got)\n%s", diff)
		}
	})
}

func drawn(t *rapid.T, name string) []byte {
	b := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, name)
	if rapid.IntRange(0, 4).Draw(t, name+" is null") == 0 {
		return nil
	}
	return b
}

// TestDownRoom: messages go as far as there is room, the first one beyond it; a
// compressed batch is given whole or not at all; the next begins where this one ended.
func TestDownRoom(t *testing.T) {
	made := func(c batch.Codec, base model.Offset) *batch.Batch {
		b := batch.NewBuilder(c)
		b.BaseOffset = base
		for range 10 {
			b.Add(1, nil, make([]byte, 66)) // a message of 100 bytes
		}
		raw, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		return parsed(t, raw)
	}
	offsets := func(set []byte) (all []int64) {
		for _, m := range messagesOf(t, set) {
			all = append(all, m.Offset)
		}
		return all
	}
	plain, packed := made(batch.None, 10), made(batch.Gzip, 20)
	for _, c := range []struct {
		name    string
		max     int
		from    model.Offset
		batches []*batch.Batch
		want    []int64
		full    bool
	}{
		{"all", 5000, 0, []*batch.Batch{plain, packed}, []int64{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29}, false},
		{"from the middle", 250, 15, []*batch.Batch{plain}, []int64{15, 16}, true},
		{"a compressed one is not taken apart", 5000, 25, []*batch.Batch{packed}, []int64{20, 21, 22, 23, 24, 25, 26, 27, 28, 29}, false},
		{"just enough", 1000, 0, []*batch.Batch{plain}, []int64{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, false},
		{"one too many", 999, 0, []*batch.Batch{plain}, []int64{10, 11, 12, 13, 14, 15, 16, 17, 18}, true},
		{"the first one always", 5, 0, []*batch.Batch{plain}, []int64{10}, true},
		{"the first wrapper always", 5, 0, []*batch.Batch{packed}, []int64{20, 21, 22, 23, 24, 25, 26, 27, 28, 29}, false},
		{"no room for the wrapper", 1010, 0, []*batch.Batch{plain, packed}, []int64{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, true},
		{"nothing wanted", 5000, 20, []*batch.Batch{plain}, nil, false},
	} {
		d := Down{Magic: 1, From: c.from, BytesMax: c.max, RecordsMax: 1 << 20}
		var set []byte
		full := false
		for _, b := range c.batches {
			var err error
			if set, full, err = d.Append(set, b); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(c.want, offsets(set)); d != "" || full != c.full {
			t.Errorf("%s: full %v; offsets (-want +got)\n%s", c.name, full, d)
		}
	}
}

// TestDownHoles: offsets that compaction has left out stay out, in both formats.
func TestDownHoles(t *testing.T) {
	for c := batch.None; c <= batch.LZ4; c++ {
		b := batch.NewBuilder(c)
		b.BaseOffset = 500
		for i := range 10 {
			b.Add(int64(i), nil, []byte{byte(i)})
		}
		raw, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		h := parsed(t, raw).Header
		kept, err := batch.Filter(nil, raw, &h, batch.FilterOptions{Limit: 1 << 20}, func(r *batch.Record) bool {
			return r.OffsetDelta == 2 || r.OffsetDelta == 5
		})
		if err != nil {
			t.Fatal(err)
		}
		for magic := range int8(2) {
			var got []int64
			for _, m := range messagesOf(t, down(t, magic, 0, kept)) {
				got = append(got, m.Offset)
			}
			if d := cmp.Diff([]int64{502, 505}, got); d != "" {
				t.Errorf("%s, magic %d (-want +got)\n%s", c, magic, d)
			}
		}
	}
}

// TestDownRefuses: what has no messages gives none, what cannot be given is an error,
// and the set is as it was.
func TestDownRefuses(t *testing.T) {
	before := set(message{magic: 1, value: []byte("before")})
	marker := batch.AppendMarker(nil, &batch.Marker{Producer: 1, Commit: true})
	zstd := batch.NewBuilder(batch.Zstd)
	zstd.Add(1, nil, nil)
	packed, err := zstd.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	big := batch.NewBuilder(batch.Gzip)
	big.Add(1, nil, make([]byte, 9000))
	large, err := big.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain := batch.NewBuilder(batch.None)
	plain.Add(1, nil, []byte("v"))
	plain.Add(1, nil, []byte("v"))
	broken, err := plain.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	broken[len(broken)-3] = 9
	for _, c := range []struct {
		name string
		b    []byte
		err  error
	}{{"marker", marker, nil}, {"zstd", packed, batch.ErrCodec}, {"holds too much", large, batch.ErrTooLarge}, {"broken", broken, batch.ErrCorrupt}} {
		d := Down{Magic: 1, BytesMax: 5000, RecordsMax: 5000}
		got, full, err := d.Append(bytes.Clone(before), parsed(t, c.b))
		if !errors.Is(err, c.err) || full || !bytes.Equal(got, before) {
			t.Errorf("%s: %d bytes, %v, %v", c.name, len(got), full, err)
		}
	}
}

// FuzzDown: whatever is in a batch, it does not panic, nor take more than the limits,
// and what it gives are messages.
func FuzzDown(f *testing.F) {
	for name, b := range recorded(f, "brokers.txt") {
		if strings.HasSuffix(name, " batch") {
			f.Add(b, int64(102), true)
		}
	}
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, data []byte, from int64, one bool) {
		h, err := batch.Parse(data)
		if err != nil {
			return
		}
		d := Down{From: model.Offset(from), BytesMax: limit, RecordsMax: limit}
		if one {
			d.Magic = 1
		}
		b := &batch.Batch{Header: h, Bytes: data[:h.Size]}
		var set []byte
		memory := took(func() { set, _, err = d.Append(nil, b) })
		if memory > 16*limit+64*len(data)+decoderBytes {
			t.Errorf("%d bytes of %s took %d of memory", len(data), h.Codec(), memory)
		}
		if err == nil {
			messagesOf(t, set)
		} else if len(set) > 0 {
			t.Errorf("%d bytes and %v", len(set), err)
		}
	})
}
