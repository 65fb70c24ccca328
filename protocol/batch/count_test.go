package batch

import (
	"errors"
	"testing"
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

func TestCountRecords(t *testing.T) {
	for _, n := range []int{1, 2, 63, 64, 65, 128, 1000, 20000} {
		raw, h := plain(t, n)
		if err := CountRecords(raw, &h); err != nil {
			t.Fatalf("%d records: %v", n, err)
		}
		h.Records--
		if err := CountRecords(raw, &h); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d records, one fewer claimed: %v", n, err)
		}
		h.Records += 2
		if err := CountRecords(raw, &h); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d records, one more claimed: %v", n, err)
		}
	}
}

// What CountRecords refuses, Records refuses too, wherever a byte is changed;
// and it never reads past the batch.
func TestCountRecordsRefusesNoSoundBatch(t *testing.T) {
	raw, h := plain(t, 20)
	refused := 0
	for at := HeaderSize; at < len(raw); at++ {
		for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			changed := append([]byte(nil), raw...)
			changed[at] = v
			if CountRecords(changed, &h) == nil {
				continue
			}
			refused++
			if err := Records(changed, &h, 1<<20, func(Record) error { return nil }); err == nil {
				t.Fatalf("byte %d set to %#x: refused by CountRecords alone", at, v)
			}
		}
	}
	if refused == 0 {
		t.Fatal("nothing was refused")
	}
}

func BenchmarkCountRecords(b *testing.B) {
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
		if err := CountRecords(raw, &h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/8000, "ns/record")
}
