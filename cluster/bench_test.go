package cluster

import (
	"fmt"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// One topic more must cost the same however many there are.
func BenchmarkCreateTopicAmong(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			j, err := Open(vfs.NewMem(), "data", Options{NodeID: 1, SnapshotBytes: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = j.Close() }()
			specs := make([]TopicSpec, n)
			for i := range specs {
				specs[i] = TopicSpec{Name: fmt.Sprint("before", i), Partitions: 10}
			}
			j.CreateTopics(specs)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				if r := j.CreateTopics([]TopicSpec{{Name: fmt.Sprint("t.", i), Partitions: 10}})[0]; r.Err != nil {
					b.Fatal(r.Err)
				}
			}
		})
	}
}

// Deleting every second of many topics leaves the set of dropped partition ids
// in as many pieces.
func BenchmarkDeleteEverySecond(b *testing.B) {
	for _, n := range []int{2_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				j, err := Open(vfs.NewMem(), "data", Options{NodeID: 1, SnapshotBytes: 1 << 30})
				if err != nil {
					b.Fatal(err)
				}
				var specs []TopicSpec
				var gone []string
				for i := range n {
					specs = append(specs, TopicSpec{Name: fmt.Sprint("t", i), Partitions: 1})
					if i%2 == 0 {
						gone = append(gone, specs[i].Name)
					}
				}
				j.CreateTopics(specs)
				b.StartTimer()
				for i, err := range j.DeleteTopics(gone) {
					if err != nil {
						b.Fatal(gone[i], err)
					}
				}
				b.StopTimer()
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n/2), "ns/topic")
		})
	}
}

func BenchmarkTopicSettings(b *testing.B) {
	j, err := Open(vfs.NewMem(), "data", Options{NodeID: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	topic := j.CreateTopics([]TopicSpec{{Name: "t", Partitions: 1}})[0].Topic
	r := NewResolver(nil)
	img := j.Image()
	b.ReportAllocs()
	for b.Loop() {
		if r.TopicSettings(img, topic).MaxMessageBytes == 0 {
			b.Fatal("no settings")
		}
	}
}

// A start with 100,000 partitions reads a snapshot of this size.
func BenchmarkSnapshot(b *testing.B) {
	j, err := Open(vfs.NewMem(), "data", Options{NodeID: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	specs := make([]TopicSpec, 1000)
	for i := range specs {
		specs[i] = TopicSpec{Name: fmt.Sprint("topic-", i), Partitions: 100}
	}
	j.CreateTopics(specs)
	img := j.Image()
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			encodeSnapshot(1, img)
		}
	})
	content := encodeSnapshot(1, img)
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			if _, err := decodeSnapshot(content, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
