package quotas

import (
	"context"
	"flag"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var (
	shared = testbroker.Shared{}
	minute = flag.Bool("minute", false, "measure for a minute each; without it nothing is measured")
)

const (
	rate    = 1_000_000 // bytes a second
	period  = time.Minute
	most    = 0.05
	warm    = 15 * time.Second // longer than any burst that Kafka gives
	limited = "limited"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(shared.Main(m))
}

// TestProducer limits a producer that wants all, beside one that wants little.
func TestProducer(t *testing.T) {
	b := measured(t)
	admin := dial(t, b, "admin")
	createTopic(t, admin, "q-limited")
	createTopic(t, admin, "q-free")
	free := dial(t, b, "free", kgo.ProducerLinger(0))
	before := alone(t, free, "q-free")
	limit(t, admin, limited, "producer_byte_rate", rate)
	cl := dial(t, b, limited, kgo.MaxBufferedBytes(4<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	beside(t, b, free, "q-free", before, func(ctx context.Context, n *atomic.Int64) error { return produceAll(ctx, cl, "q-limited", n) })
}

// TestConsumer limits a consumer of a backlog.
func TestConsumer(t *testing.T) {
	b := measured(t)
	admin := dial(t, b, "admin")
	createTopic(t, admin, "q-backlog")
	createTopic(t, admin, "q-free-beside")
	free := dial(t, b, "free", kgo.ProducerLinger(0))
	fill := dial(t, b, "fill", kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 150_000_000 / recordBytes {
		fill.Produce(t.Context(), &kgo.Record{Topic: "q-backlog", Value: make([]byte, recordBytes)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := fill.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := alone(t, free, "q-free-beside")
	limit(t, admin, limited, "consumer_byte_rate", rate)
	cl := dial(t, b, limited, kgo.ConsumeTopics("q-backlog"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	beside(t, b, free, "q-free-beside", before, func(ctx context.Context, n *atomic.Int64) error { return consumeAll(ctx, cl, n) })
}

func measured(t *testing.T) harness.Broker {
	t.Helper()
	if !*minute {
		t.Skip("it takes minutes, and a machine of its own: -minute")
	}
	return shared.Broker()
}

// alone is how long the records of the free client take with nobody else there.
func alone(t *testing.T, free *kgo.Client, topic string) []time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), warm)
	defer cancel()
	took, err := steady(ctx, free, topic)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// beside runs the limited client beside the free one for a minute and tells of
// both.
func beside(t *testing.T, b harness.Broker, free *kgo.Client, topic string, before []time.Duration, run func(context.Context, *atomic.Int64) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), period)
	defer cancel()
	var bytes, early atomic.Int64
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, &bytes) }()
	mark := time.AfterFunc(warm, func() { early.Store(bytes.Load()) })
	defer mark.Stop()
	during, err := steady(ctx, free, topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	whole := float64(bytes.Load()) / period.Seconds() / rate
	later := float64(bytes.Load()-early.Load()) / (period - warm).Seconds() / rate
	t.Logf("%s: limited to %d bytes/s: %.1f %% of it over the minute, %.1f %% behind the first %v", b.Target(), rate, 100*whole, 100*later, warm)
	t.Logf("%s: the free client, a record of %d bytes each 10 ms: alone p50 %v p99 %v (%d), beside it p50 %v p99 %v (%d)", b.Target(), recordBytes,
		quantile(before, 0.5), quantile(before, 0.99), len(before), quantile(during, 0.5), quantile(during, 0.99), len(during))
	if b.Target() == harness.Mainstem && (whole < 1-most || whole > 1+most) {
		t.Errorf("%.1f %% of the quota over a minute; within 5 %% is promised", 100*whole)
	}
}
