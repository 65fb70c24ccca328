package tape

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// CatchUp is how long a pipeline may take to come up with its input, with a broker or
// a JVM that starts in between, on a small machine that has other work.
const CatchUp = 5 * time.Minute

// Tape is what is in a topic, as it comes in.
type Tape struct {
	topic string
	mu    struct {
		sync.Mutex
		records []*kgo.Record
		err     error
	}
}

// Record begins to read a topic of a broker from its start, as committed, until the
// test ends.
func Record(t *testing.T, addr, topic string) *Tape {
	t.Helper()
	cl := client(t, addr, kgo.ConsumeTopics(topic))
	tp := &Tape{topic: topic}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			tp.take(cl.PollFetches(ctx))
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return tp
}

func client(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(250 * time.Millisecond),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func (tp *Tape) take(fs kgo.Fetches) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.mu.records = append(tp.mu.records, fs.Records()...)
	fs.EachError(func(_ string, p int32, err error) {
		// What a broker that is away causes is tried again by the client.
		var lost *kgo.ErrDataLoss
		var answer *kerr.Error
		if errors.As(err, &lost) || errors.As(err, &answer) && !answer.Retriable {
			tp.mu.err = fmt.Errorf("read partition %d of %s: %w", p, tp.topic, err)
		}
	})
}

// Len is how many records were read so far.
func (tp *Tape) Len() int {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return len(tp.mu.records)
}

// Records are those that were read so far: each partition's in order.
func (tp *Tape) Records() []*kgo.Record {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return slices.Clone(tp.mu.records)
}

// Until waits until so many records were read. alive tells whether those who write
// them still can.
func (tp *Tape) Until(t *testing.T, count int, alive func() error) {
	t.Helper()
	testbroker.Eventually(t, CatchUp, func() error {
		if err := errors.Join(tp.Err(), alive()); err != nil {
			t.Fatal(err)
		}
		if n := tp.Len(); n < count {
			return fmt.Errorf("%s: %d records of %d", tp.topic, n, count)
		}
		return nil
	})
}

// Err is what went wrong for good while the topic was read: records that are not there
// any more, or an answer that no repetition will change.
func (tp *Tape) Err() error {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.mu.err
}
