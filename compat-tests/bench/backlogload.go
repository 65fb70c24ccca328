package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readBacklog has l.Readers clients read all of the topics from different
// places on, again from the start when they are at the end, for l.Seconds.
func (l *load) readBacklog(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.Seconds)*time.Second)
	defer cancel()
	var bytes, records atomic.Int64
	errs := make([]error, l.Readers)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range l.Readers {
		wg.Go(func() {
			first := float64(i) / float64(l.Readers)
			for errs[i] == nil && ctx.Err() == nil {
				errs[i] = l.readOnce(ctx, first, &bytes, &records)
				first = 0
			}
		})
	}
	wg.Wait()
	return outcome{Records: int(records.Load()), Bytes: bytes.Load(), Seconds: time.Since(begin).Seconds()}, errors.Join(errs...)
}

// readOnce reads each partition from a part of it on to its end.
func (l *load) readOnce(ctx context.Context, first float64, bytes, records *atomic.Int64) error {
	from := map[string]map[int32]kgo.Offset{}
	left := int64(0)
	for topic, ends := range l.From {
		from[topic] = map[int32]kgo.Offset{}
		for p, end := range ends {
			at := int64(first * float64(end))
			from[topic][p] = kgo.NewOffset().At(at)
			left += end - at
		}
	}
	cl, err := l.client(kgo.ConsumePartitions(from), kgo.ClientID("backlog"), kgo.MaxConcurrentFetches(1))
	if err != nil {
		return err
	}
	defer cl.Close()
	for left > 0 {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil // the time is over, which is the usual end
		}
		if err := fs.Err(); err != nil {
			return fmt.Errorf("backlog: %w", err)
		}
		fs.EachPartition(func(p kgo.FetchTopicPartition) {
			n := int64(0)
			for _, r := range p.Records {
				n += int64(len(r.Value))
			}
			bytes.Add(n)
			records.Add(int64(len(p.Records)))
			left -= int64(len(p.Records))
		})
	}
	return nil
}

// live sends at a rate to partition 0 and takes how long acknowledgements
// take, and how long it is until a consumer at the tail has a record.
func (l *load) live(ctx context.Context) (outcome, error) {
	prod, err := l.producer(&wire{}, kgo.ProducerLinger(0), kgo.ClientID("live"))
	if err != nil {
		return outcome{}, err
	}
	defer prod.Close()
	topic := l.Topics[0]
	cons, err := l.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(l.From[topic][0])}}))
	if err != nil {
		return outcome{}, err
	}
	defer cons.Close()
	acks := &latencies{skip: min(settle, time.Duration(l.Seconds)*time.Second/4)}
	tails := &latencies{skip: acks.skip}
	total := l.Rate * l.Seconds
	begin := time.Now()
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	wg.Go(func() { l.paceAcks(ctx, prod, begin, total, acks, &failed) })
	got := 0
	for got < total && failed.Load() == nil {
		fs := cons.PollFetches(ctx)
		now := time.Since(begin)
		if err := fs.Err(); err != nil {
			return outcome{}, fmt.Errorf("after %d of %d records: %w", got, total, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			got++
			tails.add(time.Duration(binary.BigEndian.Uint64(r.Value)), now)
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return outcome{}, *err
	}
	return outcome{
		Records: got, Bytes: int64(got) * int64(l.Size), Seconds: time.Since(begin).Seconds(),
		P50: tails.quantile(0.50), P99: tails.quantile(0.99), AckP50: acks.quantile(0.50), AckP99: acks.quantile(0.99),
	}, nil
}

// latencies are those of what was sent after the first moments.
type latencies struct {
	mu   sync.Mutex
	skip time.Duration
	took []float64
}

func (a *latencies) add(sent, now time.Duration) {
	if sent < a.skip {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.took = append(a.took, milliseconds(now-sent))
}

func (a *latencies) quantile(q float64) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.took) == 0 {
		return 0
	}
	return quantile(a.took, q)
}

// paceAcks sends at the rate, as many as are due at each millisecond.
func (l *load) paceAcks(ctx context.Context, cl *kgo.Client, begin time.Time, total int, acks *latencies, failed *atomic.Pointer[error]) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < total && failed.Load() == nil; <-tick.C {
		due := min(total, int(time.Since(begin).Seconds()*float64(l.Rate)))
		for ; sent < due; sent++ {
			value := make([]byte, l.Size)
			at := time.Since(begin)
			binary.BigEndian.PutUint64(value, uint64(at))
			cl.Produce(ctx, &kgo.Record{Topic: l.Topics[0], Partition: 0, Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(&err)
				}
				acks.add(at, time.Since(begin))
			})
		}
	}
	if err := cl.Flush(ctx); err != nil {
		failed.Store(&err)
	}
}
