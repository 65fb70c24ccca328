package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// endToEnd sends at a rate and measures each record from send to receipt.
func (l *load) endToEnd(ctx context.Context) (outcome, error) {
	counter := &wire{}
	t, err := l.openTail(counter)
	if err != nil {
		return outcome{}, err
	}
	defer t.close()
	o, err := t.run(ctx)
	if err != nil {
		return outcome{}, err
	}
	o.Batches, o.Requests = counter.produced(o.Records), counter.produces.Load()
	return o, nil
}

// tail sends at a rate to partition 0 of a topic, and reads at its end.
type tail struct {
	*load
	prod, cons     *kgo.Client
	begun          time.Time
	total          int
	acks, receipts latencies
}

// settle is the first part of a tail's run, which does not count.
const settle = 2 * time.Second

// openTail connects its clients; opts are for the producer.
func (l *load) openTail(counter *wire, opts ...kgo.Opt) (*tail, error) {
	skip := min(settle, time.Duration(l.Seconds)*time.Second/4)
	t := &tail{load: l, total: l.Rate * l.Seconds, acks: latencies{skip: skip}, receipts: latencies{skip: skip}}
	var err error
	if t.prod, err = l.producer(counter, append([]kgo.Opt{kgo.ProducerLinger(0)}, opts...)...); err != nil {
		return nil, err
	}
	// Only what comes from here on: a warm-up has used the topic before.
	from := kgo.NewOffset().At(l.From[l.Topics[0]][0])
	if t.cons, err = l.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.Topics[0]: {0: from}})); err != nil {
		t.prod.Close()
		return nil, err
	}
	return t, nil
}

func (t *tail) close() {
	t.prod.Close()
	t.cons.Close()
}

// run sends all records and reads them; it ends with the first failure of either.
func (t *tail) run(ctx context.Context) (outcome, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	t.begun = time.Now()
	var sending sync.WaitGroup
	sending.Go(func() { t.send(ctx, fail) })
	if err := t.receive(ctx); err != nil {
		fail(err)
	}
	took := time.Since(t.begun)
	sending.Wait()
	if ctx.Err() != nil {
		return outcome{}, context.Cause(ctx)
	}
	if t.receipts.none() {
		return outcome{}, errors.New("no latencies")
	}
	return outcome{
		Records: t.total, Bytes: int64(t.total) * int64(t.Size), Seconds: took.Seconds(),
		P50: t.receipts.quantile(0.50), P99: t.receipts.quantile(0.99),
	}, nil
}

// receive reads until all have come.
func (t *tail) receive(ctx context.Context) error {
	for got := 0; got < t.total; {
		fs := t.cons.PollFetches(ctx)
		now := time.Since(t.begun)
		if err := fs.Err(); err != nil {
			return fmt.Errorf("after %d of %d records: %w", got, t.total, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			got++
			t.receipts.add(time.Duration(binary.BigEndian.Uint64(r.Value)), now)
		})
	}
	return nil
}

// send sends at the rate, as many as are due at each millisecond.
func (t *tail) send(ctx context.Context, fail context.CancelCauseFunc) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < t.total && ctx.Err() == nil; <-tick.C {
		due := min(t.total, int(time.Since(t.begun).Seconds()*float64(t.Rate)))
		for ; sent < due; sent++ {
			value := make([]byte, t.Size)
			at := time.Since(t.begun)
			binary.BigEndian.PutUint64(value, uint64(at))
			t.prod.Produce(ctx, &kgo.Record{Topic: t.Topics[0], Partition: 0, Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					fail(fmt.Errorf("produce: %w", err))
				}
				t.acks.add(at, time.Since(t.begun))
			})
		}
	}
	if err := t.prod.Flush(ctx); err != nil {
		fail(err)
	}
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

func (a *latencies) none() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.took) == 0
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
