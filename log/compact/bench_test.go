package compact

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// BenchmarkCompaction is one compaction of records of 100 bytes, ten for each
// of 100,000 keys, in batches of 16 KiB.
func BenchmarkCompaction(b *testing.B) {
	const keyCount, perBatch = 100_000, 150
	for _, codec := range []batch.Codec{batch.None, batch.LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			var batches [][]byte
			records := 0
			value := make([]byte, 80)
			for records < 10*keyCount {
				m := batch.NewBuilder(codec)
				m.BaseOffset = model.Offset(records)
				for range perBatch {
					for i := range value {
						value[i] = "0123456789abcdef"[rng.IntN(16)]
					}
					m.Add(1000, fmt.Appendf(nil, "key-%012d", rng.IntN(keyCount)), value)
				}
				out, err := m.Build(nil)
				if err != nil {
					b.Fatal(err)
				}
				batches = append(batches, out)
				records += perBatch
			}
			keys := NewKeyMap(64<<20, 0.9)
			b.ResetTimer()
			for range b.N {
				keys.Reset(int64(records))
				c := New(Config{Keys: keys, NowMs: 1})
				for _, x := range batches {
					if _, err := c.Learn(x); err != nil {
						b.Fatal(err)
					}
				}
				for _, x := range batches {
					if _, err := c.Clean(x); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
		})
	}
}
