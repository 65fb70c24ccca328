package shippers

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// topic is which lines have arrived.
type topic struct {
	name string

	mu    sync.Mutex
	times map[int]int // by line
	err   error
}

// newTopic creates a topic, and reads it as committed until the test ends. line finds
// the number of the line that a record is of; it is 0 for a line that has none.
func newTopic(t *testing.T, line func(value []byte) (int, error)) *topic {
	t.Helper()
	tp := &topic{name: shared.Topic(t, 1, nil), times: map[int]int{}}
	cl := shared.Client(t, kgo.ConsumeTopics(tp.name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			// What goes wrong while the broker is away is tried again.
			cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				n, err := line(r.Value)
				tp.mu.Lock()
				defer tp.mu.Unlock()
				tp.times[n]++
				if err != nil {
					tp.err = fmt.Errorf("offset %d: %w: %s", r.Offset, err, r.Value)
				}
			})
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return tp
}

// has waits until the lines from first to last are there.
func (tp *topic) has(t *testing.T, first, last int) {
	t.Helper()
	testbroker.Eventually(t, arrival, func() error {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		if tp.err != nil {
			t.Fatal(tp.err)
		}
		if missing, example := tp.missing(first, last); missing > 0 {
			return fmt.Errorf("of the lines %d to %d, %d are missing, %d for one", first, last, missing, example)
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

// repeats is how many lines arrived more than once.
func (tp *topic) repeats() (count int) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for n, times := range tp.times {
		if n > 0 && times > 1 {
			count++
		}
	}
	return count
}

// first is the first line that is there, or 0.
func (tp *topic) first() (first int) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for n := range tp.times {
		if n > 0 && (first == 0 || n < first) {
			first = n
		}
	}
	return first
}
