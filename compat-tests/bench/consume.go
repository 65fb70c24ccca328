package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func (l *load) consume(ctx context.Context) (outcome, error) {
	counter := &wire{}
	from := map[string]map[int32]kgo.Offset{}
	for _, t := range l.Topics {
		from[t] = map[int32]kgo.Offset{}
		for p := range int32(l.Partitions) {
			at := kgo.NewOffset().AtStart()
			if n, ok := l.From[t][p]; ok {
				at = kgo.NewOffset().At(n)
			}
			from[t][p] = at
		}
	}
	cl, err := l.client(kgo.ConsumePartitions(from), kgo.WithHooks(counter))
	if err != nil {
		return outcome{}, err
	}
	defer cl.Close()
	var o outcome
	begin := time.Now()
	for o.Records < l.Records {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return outcome{}, fmt.Errorf("after %d of %d records: %w", o.Records, l.Records, err)
		}
		fs.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				o.Bytes += int64(len(r.Value))
			}
			o.Records += len(p.Records)
		})
	}
	o.Seconds = time.Since(begin).Seconds()
	o.Batches, o.Requests = counter.batches.Load(), counter.fetches.Load()
	return o, nil
}
