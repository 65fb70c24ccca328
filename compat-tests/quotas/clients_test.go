package quotas

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

const recordBytes = 10_000

func dial(t *testing.T, b harness.Broker, id string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.Addr()), kgo.ClientID(id), kgo.UnknownTopicRetries(-1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t *testing.T, cl *kgo.Client, name string) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	req.Topics = append(req.Topics, topic)
	req.TimeoutMillis = 10_000
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatalf("create %s: %v %+v", name, err, resp)
	}
}

// limit sets a quota of a client id and waits until the broker shows it.
func limit(t *testing.T, cl *kgo.Client, id, key string, value float64) {
	t.Helper()
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "client-id", Name: &id}},
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: key, Value: value}},
	}}
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil || resp.Entries[0].ErrorCode != 0 {
		t.Fatalf("%s of %s: %v %+v", key, id, err, resp)
	}
	// Kafka answers before all of the broker has heard of it.
	time.Sleep(2 * time.Second)
}

// produceAll produces as fast as the broker takes it until ctx ends, and counts
// the bytes of the values that were acknowledged before.
func produceAll(ctx context.Context, cl *kgo.Client, topic string, acked *atomic.Int64) error {
	value := make([]byte, recordBytes)
	_, _ = rand.Read(value) // nothing for a codec to win
	for ctx.Err() == nil {
		cl.Produce(ctx, &kgo.Record{Topic: topic, Value: value}, func(r *kgo.Record, err error) {
			if err == nil && ctx.Err() == nil {
				acked.Add(int64(len(r.Value)))
			}
		})
	}
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// consumeAll consumes until ctx ends, and counts what came before.
func consumeAll(ctx context.Context, cl *kgo.Client, got *atomic.Int64) error {
	for {
		fetches := cl.PollFetches(ctx)
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) { got.Add(int64(len(r.Value))) })
	}
}

// steady produces a record every 10 ms, each when the one before is acknowledged,
// and says how long they took.
func steady(ctx context.Context, cl *kgo.Client, topic string) (took []time.Duration, err error) {
	value := make([]byte, recordBytes)
	_, _ = rand.Read(value)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return took, nil
		case <-tick.C:
		}
		began := time.Now()
		err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: value}).FirstErr()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			return nil, err
		default:
			took = append(took, time.Since(began))
		}
	}
}

func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(float64(len(sorted))*q), len(sorted)-1)].Round(10 * time.Microsecond)
}
