package legacy

import (
	"math/rand/v2"
	"testing"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// benchBatch has 1,000 records of 1 KiB, which compress to about a half.
func benchBatch(b *testing.B, c batch.Codec) []byte {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	made := batch.NewBuilder(c)
	value := make([]byte, 1024)
	for i := range 1000 {
		for j := range value[:512] {
			value[j] = byte(r.Uint32())
		}
		made.Add(int64(i), nil, value)
	}
	out, err := made.Build(nil)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func BenchmarkDown(b *testing.B) {
	for c := batch.None; c <= batch.LZ4; c++ {
		b.Run(c.String(), func(b *testing.B) {
			from := parsed(b, benchBatch(b, c))
			d := Down{Magic: 1, BytesMax: 2 << 20, RecordsMax: 2 << 20}
			b.SetBytes(1000 << 10)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := d.Append(nil, from); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUp(b *testing.B) {
	for c := batch.None; c <= batch.LZ4; c++ {
		b.Run(c.String(), func(b *testing.B) {
			d := Down{Magic: 1, BytesMax: 2 << 20, RecordsMax: 2 << 20}
			set, _, err := d.Append(nil, parsed(b, benchBatch(b, c)))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(1000 << 10)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Up(set, Limits{Batch: 2 << 20, Records: 2 << 20}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
