package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// transact sends the values in one transaction, spread over the topic, and ends it.
func transact(ctx context.Context, t *testing.T, c *kgo.Client, topic string, commit kgo.TransactionEndTry, values ...string) {
	t.Helper()
	must(t, c.BeginTransaction())
	for _, v := range values {
		c.Produce(ctx, &kgo.Record{Topic: topic, Key: []byte(v), Value: []byte(v)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	must(t, c.Flush(ctx))
	must(t, c.EndTransaction(ctx, commit))
}

// readAll reads a topic until it has n records, sorted.
func readAll(ctx context.Context, t *testing.T, b *broker, topic string, n int, opts ...kgo.Opt) []string {
	t.Helper()
	c := newKgo(t, b, append(opts, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	defer c.Close()
	var all []string
	for len(all) < n {
		f := c.PollFetches(ctx)
		must(t, f.Err())
		f.EachRecord(func(r *kgo.Record) { all = append(all, string(r.Value)) })
	}
	slices.Sort(all)
	return all
}

// TestTransactions is the whole way with a real client: what is committed is
// read, what is aborted is not, by who reads committed.
func TestTransactions(t *testing.T) {
	b := startBroker(t, options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b.dial().createTopic("t", 4)
	p := newKgo(t, b, kgo.TransactionalID("my-tx"))
	transact(ctx, t, p, "t", kgo.TryCommit, "a1", "a2", "a3")
	transact(ctx, t, p, "t", kgo.TryAbort, "b1", "b2", "b3")
	transact(ctx, t, p, "t", kgo.TryCommit, "c1", "c2", "c3")
	committed := []string{"a1", "a2", "a3", "c1", "c2", "c3"}
	if d := cmp.Diff(committed, readAll(ctx, t, b, "t", 6, kgo.FetchIsolationLevel(kgo.ReadCommitted()))); d != "" {
		t.Errorf("read committed: %s", d)
	}
	b.showsTxns(`mainstem_transactions_ended_total{result="commit"} 2`, `mainstem_transactions_ended_total{result="abort"} 1`)
	if got := readAll(ctx, t, b, "t", 9); len(got) != 9 {
		t.Errorf("read uncommitted: %v", got)
	}
}

// TestTransactionsFence: a second producer of the id aborts what the first left
// open, and the first is refused from then on.
func TestTransactionsFence(t *testing.T) {
	b := startBroker(t, options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b.dial().createTopic("t", 1)
	first := newKgo(t, b, kgo.TransactionalID("my-tx"), kgo.DefaultProduceTopic("t"))
	must(t, first.BeginTransaction())
	must(t, first.ProduceSync(ctx, kgo.StringRecord("lost")).FirstErr())
	second := newKgo(t, b, kgo.TransactionalID("my-tx"))
	transact(ctx, t, second, "t", kgo.TryCommit, "kept")
	err := first.ProduceSync(ctx, kgo.StringRecord("late")).FirstErr()
	if !errors.Is(err, kerr.InvalidProducerEpoch) && !errors.Is(err, kerr.ProducerFenced) {
		t.Errorf("the first goes on with %v", err)
	}
	if err := first.EndTransaction(ctx, kgo.TryCommit); err == nil {
		t.Error("the first commits")
	}
	if d := cmp.Diff([]string{"kept"}, readAll(ctx, t, b, "t", 1, kgo.FetchIsolationLevel(kgo.ReadCommitted()))); d != "" {
		t.Error(d)
	}
}

// TestTransactionsInARow: many transactions of one client follow each other as fast
// as they can, and none sees the markers of the one before.
func TestTransactionsInARow(t *testing.T) {
	b := startBroker(t, options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b.dial().createTopic("t", 3)
	p := newKgo(t, b, kgo.TransactionalID("my-tx"), kgo.ProducerBatchMaxBytes(1<<10))
	const n = 200
	var want []string
	for i := range n {
		var values []string
		for k := range 10 {
			values = append(values, fmt.Sprintf("%04d-%d", i, k))
		}
		how := kgo.TryCommit
		if i%3 == 2 {
			how = kgo.TryAbort
		} else {
			want = append(want, values...)
		}
		transact(ctx, t, p, "t", how, values...)
	}
	if d := cmp.Diff(want, readAll(ctx, t, b, "t", len(want), kgo.FetchIsolationLevel(kgo.ReadCommitted()))); d != "" {
		t.Error(d)
	}
}
