package loop

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fillEvery is how often the filler writes.
const fillEvery = 20 * time.Millisecond

// filler writes the input.
type filler struct {
	topic string
	rate  int // records a second of all partitions together
	mu    struct {
		sync.Mutex
		next []int64 // Number that each partition gets next.
		err  error
	}
}

func newFiller(topic string, partitions, rate int) *filler {
	f := &filler{topic: topic, rate: rate}
	f.mu.next = make([]int64, partitions)
	return f
}

// fill writes to one partition after the other until it is told to stop; what it has
// begun to write is acknowledged then.
func (f *filler) fill(ctx context.Context, addr string) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.UnknownTopicRetries(-1), // Apache Kafka may answer before it knows its topics again.
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	tick := time.NewTicker(fillEvery)
	defer tick.Stop()
	begin, written := time.Now(), 0
	for ctx.Err() == nil {
		for due := int(time.Since(begin).Seconds() * float64(f.rate)); written < due && ctx.Err() == nil; written++ {
			f.write(cl)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	flush, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	if err := cl.Flush(flush); err != nil {
		return fmt.Errorf("write to %s: not all was acknowledged in %v: %w", f.topic, finishTime, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.err
}

func (f *filler) write(cl *kgo.Client) {
	f.mu.Lock()
	p := 0
	for i, n := range f.mu.next {
		if n < f.mu.next[p] {
			p = i
		}
	}
	n := f.mu.next[p]
	f.mu.next[p]++
	f.mu.Unlock()
	rec := &kgo.Record{Topic: f.topic, Partition: int32(p), Value: []byte(value(int32(p), n))}
	// It is not told to stop with a record under way: whether that is there would be unknown.
	cl.Produce(context.Background(), rec, func(_ *kgo.Record, err error) {
		if err == nil {
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.mu.err == nil {
			f.mu.err = fmt.Errorf("write %s to %s: %w", rec.Value, f.topic, err)
		}
	})
}

// counts are how many records each partition has.
func (f *filler) counts() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int64(nil), f.mu.next...)
}
