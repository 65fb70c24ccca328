package main

import (
	"context"
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

// live is endToEnd with the time to each acknowledgement, beside the backlog.
func (l *load) live(ctx context.Context) (outcome, error) {
	t, err := l.openTail(&wire{}, kgo.ClientID("live"))
	if err != nil {
		return outcome{}, err
	}
	defer t.close()
	o, err := t.run(ctx)
	if err != nil {
		return outcome{}, err
	}
	o.AckP50, o.AckP99 = t.acks.quantile(0.50), t.acks.quantile(0.99)
	return o, nil
}
