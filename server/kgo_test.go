package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFranzGo is the whole way with a real client: auto creation, idempotent
// produce, a group that consumes and commits, and a second member that goes on
// from the commit.
func TestFranzGo(t *testing.T) {
	b := startBroker(t, options{static: map[string]string{"num.partitions": "3"}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const topic, n = "orders", 500
	producer := newKgo(t, b, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic(topic))
	for i := range n {
		producer.Produce(ctx, kgo.StringRecord(fmt.Sprint(i)), func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	must(t, producer.Flush(ctx))
	first := newKgo(t, b, kgo.ConsumeTopics(topic), kgo.ConsumerGroup("g"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := map[string]int{}
	poll(ctx, t, first, seen, n)
	must(t, first.CommitUncommittedOffsets(ctx))
	first.Close()
	must(t, producer.ProduceSync(ctx, kgo.StringRecord("after")).FirstErr())
	second := newKgo(t, b, kgo.ConsumeTopics(topic), kgo.ConsumerGroup("g"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	poll(ctx, t, second, seen, n+1)
	if seen["after"] != 1 {
		t.Error("the record after the commit did not come")
	}
	for v, times := range seen {
		if times != 1 {
			t.Errorf("record %s came %d times", v, times)
		}
	}
	second.Close()
	producer.Close()
}

func newKgo(t *testing.T, b *broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.addr), kgo.FetchMaxWait(250 * time.Millisecond)}, opts...)...)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func poll(ctx context.Context, t *testing.T, c *kgo.Client, seen map[string]int, total int) {
	t.Helper()
	for sum := len(seen); sum < total; sum = len(seen) {
		fetches := c.PollFetches(ctx)
		must(t, fetches.Err0())
		for _, e := range fetches.Errors() {
			t.Fatal(e.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
	}
}
