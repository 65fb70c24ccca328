package batch

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// plain makes an uncompressed batch of n records.
func plain(t *testing.T, n int) ([]byte, Header) {
	t.Helper()
	b := NewBuilder(None)
	for i := range n {
		b.Add(int64(1000+300*i), []byte("k"), make([]byte, i%200))
	}
	raw, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return raw, h
}

func TestCheckFrames(t *testing.T) {
	for _, n := range []int{1, 2, 63, 64, 65, 128, 1000, 20000} {
		raw, h := plain(t, n)
		latest, err := CheckFrames(raw, &h)
		if err != nil || latest != h.MaxTimestamp {
			t.Fatalf("%d records: latest %d, want %d, %v", n, latest, h.MaxTimestamp, err)
		}
		h.Records--
		if _, err := CheckFrames(raw, &h); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d records, one fewer claimed: %v", n, err)
		}
		h.Records += 2
		if _, err := CheckFrames(raw, &h); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d records, one more claimed: %v", n, err)
		}
	}
}

// The largest timestamp is the records' own, in whatever order they are and
// whatever the header says.
func TestCheckFramesFindsTheLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(-1, 1<<45), 1, 50).Draw(t, "times")
		b := NewBuilder(None)
		for _, ts := range times {
			b.Add(ts, nil, nil)
		}
		raw, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		h.MaxTimestamp = rapid.Int64().Draw(t, "claim")
		if latest, err := CheckFrames(raw, &h); err != nil || latest != slices.Max(times) {
			t.Fatalf("latest %d, %v; want %d", latest, err, slices.Max(times))
		}
	})
}

// What CheckFrames refuses, Records refuses too, wherever a byte is changed;
// and it never reads past the batch.
func TestCheckFramesRefusesNoSoundBatch(t *testing.T) {
	raw, h := plain(t, 20)
	refused := 0
	for at := HeaderSize; at < len(raw); at++ {
		for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			changed := append([]byte(nil), raw...)
			changed[at] = v
			if _, err := CheckFrames(changed, &h); err == nil {
				continue
			}
			refused++
			if err := Records(changed, &h, 1<<20, func(Record) error { return nil }); err == nil {
				t.Fatalf("byte %d set to %#x: refused by CheckFrames alone", at, v)
			}
		}
	}
	if refused == 0 {
		t.Fatal("nothing was refused")
	}
}

func BenchmarkCheckFrames(b *testing.B) {
	build := NewBuilder(None)
	for range 8000 {
		build.Add(1, nil, make([]byte, 100))
	}
	raw, err := build.Build(nil)
	if err != nil {
		b.Fatal(err)
	}
	h, err := Parse(raw)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := CheckFrames(raw, &h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/8000, "ns/record")
}
