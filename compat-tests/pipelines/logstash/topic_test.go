package logstash

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// topic is one of the pipeline's two, and which events are in it.
type topic struct {
	name    string
	written int

	mu    sync.Mutex
	times map[int]int // by event
	err   error
}

// newTopic creates a topic and reads it until the test ends.
func newTopic(t *testing.T) *topic {
	t.Helper()
	tp := &topic{name: shared.Topic(t, 3, nil), times: map[int]int{}}
	cl := shared.Client(t, kgo.ConsumeTopics(tp.name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			// What goes wrong while the broker is away is tried again.
			cl.PollFetches(ctx).EachRecord(tp.add)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return tp
}

func (tp *topic) add(r *kgo.Record) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var n int
	if _, err := fmt.Sscanf(string(r.Value), "event %d ", &n); err != nil || string(r.Value) != event(n) {
		tp.err = fmt.Errorf("partition %d, offset %d: %q is no event (%w)", r.Partition, r.Offset, r.Value, err)
	}
	tp.times[n]++
}

// has waits until the events up to the last are there.
func (tp *topic) has(t *testing.T, last int) {
	t.Helper()
	testbroker.Eventually(t, arrival, func() error {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		if tp.err != nil {
			t.Fatal(tp.err)
		}
		if missing, example := tp.missing(1, last); missing > 0 {
			return fmt.Errorf("of %d events %d are missing, %d for one", last, missing, example)
		}
		return nil
	})
}

// missing counts what is not there, and names one.
func (tp *topic) missing(first, last int) (count, example int) {
	for n := first; n <= last; n++ {
		if tp.times[n] == 0 {
			count, example = count+1, n
		}
	}
	return count, example
}

// repeats is how many events arrived more than once.
func (tp *topic) repeats() (count int) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for _, times := range tp.times {
		if times > 1 {
			count++
		}
	}
	return count
}
