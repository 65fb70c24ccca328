package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// settle is the first part of an end-to-end run, which does not count.
const settle = 2 * time.Second

// endToEnd sends at a rate and measures each record from send to receipt.
func (l *load) endToEnd(ctx context.Context) (outcome, error) {
	counter := &wire{}
	prod, err := l.producer(counter, kgo.ProducerLinger(0))
	if err != nil {
		return outcome{}, err
	}
	defer prod.Close()
	// Only what comes from here on: a warm-up has used the topic before.
	cons, err := l.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.Topics[0]: {0: kgo.NewOffset().At(l.From[l.Topics[0]][0])}}))
	if err != nil {
		return outcome{}, err
	}
	defer cons.Close()
	total := l.Rate * l.Seconds
	begin := time.Now()
	var failed atomic.Pointer[error]
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		l.pace(ctx, prod, begin, total, &failed)
	}()
	skip := min(settle, time.Duration(l.Seconds)*time.Second/4)
	var latencies []float64
	got := 0
	for got < total && failed.Load() == nil {
		fs := cons.PollFetches(ctx)
		now := time.Since(begin)
		if err := fs.Err(); err != nil {
			return outcome{}, fmt.Errorf("after %d of %d records: %w", got, total, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			got++
			if at := time.Duration(binary.BigEndian.Uint64(r.Value)); at > skip {
				latencies = append(latencies, milliseconds(now-at))
			}
		})
	}
	took := time.Since(begin)
	<-sent
	if err := failed.Load(); err != nil {
		return outcome{}, *err
	}
	if len(latencies) == 0 {
		return outcome{}, errors.New("no latencies")
	}
	return outcome{
		Records: got, Bytes: int64(got) * int64(l.Size), Seconds: took.Seconds(),
		Batches: counter.produced(total), Requests: counter.produces.Load(),
		P50: quantile(latencies, 0.50), P99: quantile(latencies, 0.99),
	}, nil
}

// pace sends at the rate, as many as are due at each millisecond.
func (l *load) pace(ctx context.Context, cl *kgo.Client, begin time.Time, total int, failed *atomic.Pointer[error]) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < total && failed.Load() == nil; <-tick.C {
		due := min(total, int(time.Since(begin).Seconds()*float64(l.Rate)))
		for ; sent < due; sent++ {
			value := make([]byte, l.Size)
			binary.BigEndian.PutUint64(value, uint64(time.Since(begin)))
			cl.Produce(ctx, &kgo.Record{Topic: l.Topics[0], Partition: 0, Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(&err)
				}
			})
		}
	}
	if err := cl.Flush(ctx); err != nil {
		failed.Store(&err)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
