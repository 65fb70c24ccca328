package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// txnWindow bounds what a transaction has in flight: what is sent in its last
// moments has to be acknowledged before it can be committed.
const txnWindow = 1 << 20

// transact produces in transactions, one after the other, and times their ends.
func (l *load) transact(ctx context.Context) (outcome, error) {
	counter := &wire{}
	cl, err := l.producer(counter,
		kgo.TransactionalID(fmt.Sprintf("bench-%s-%d", l.Topics[0], l.Place)), kgo.TransactionTimeout(time.Minute),
		// A broker that is still ending the transaction before turns the first batch
		// of the next one away; Java's producer comes back after as long.
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
	if err != nil {
		return outcome{}, err
	}
	defer cl.Close()
	// The coordinator, its topic and the producer's id are not what is measured.
	if err := l.commitOne(ctx, cl); err != nil {
		return outcome{}, err
	}
	value := make([]byte, l.Size)
	for i := range value {
		value[i] = byte(i * 7)
	}
	begin := time.Now()
	var o outcome
	var took []float64
	for o.Records < l.Records {
		if err := cl.BeginTransaction(); err != nil {
			return outcome{}, err
		}
		sent, err := l.fill(ctx, cl, value, l.Records-o.Records, o.Commits)
		if err != nil {
			return outcome{}, err
		}
		ending := time.Now()
		if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return outcome{}, fmt.Errorf("commit %d: %w", o.Commits, err)
		}
		took = append(took, milliseconds(time.Since(ending)))
		o.Records += sent
		o.Commits++
	}
	o.Seconds = time.Since(begin).Seconds()
	o.Bytes = int64(o.Records) * int64(l.Size)
	o.Batches, o.Requests = counter.produced(o.Records), counter.produces.Load()
	o.P50, o.P99 = quantile(took, 0.50), quantile(took, 0.99)
	return o, nil
}

// commitOne commits a record by itself.
func (l *load) commitOne(ctx context.Context, cl *kgo.Client) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: l.Topics[0]}).FirstErr(); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, kgo.TryCommit)
}

// fill sends whole batches, each to the next partition, until the transaction's
// time is over or so many records are sent, and waits for their acknowledgements.
func (l *load) fill(ctx context.Context, cl *kgo.Client, value []byte, most, turn int) (sent int, err error) {
	perBatch := l.perBatch()
	window := make(chan struct{}, max(1, txnWindow/(perBatch*l.Size)))
	failed := make(chan error, 1)
	for end := time.Now().Add(l.CommitEvery); sent < most && time.Now().Before(end); turn++ {
		window <- struct{}{}
		size := min(perBatch, most-sent)
		for i := range size {
			last := i == size-1
			r := &kgo.Record{Topic: l.Topics[0], Partition: int32(turn % l.Partitions), Value: value}
			cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
				if last {
					<-window
				}
			})
		}
		sent += size
	}
	if err := cl.Flush(ctx); err != nil {
		return 0, err
	}
	select {
	case err := <-failed:
		return 0, err
	default:
		return sent, nil
	}
}
