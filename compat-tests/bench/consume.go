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
	keys := map[string]struct{}{}
	begin := time.Now()
	for !l.consumed(o.Records) {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return outcome{}, fmt.Errorf("after %d of %d records: %w", o.Records, l.Records, err)
		}
		fs.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				o.Bytes += int64(len(r.Value))
				if l.Keys > 0 {
					keys[string(r.Key)] = struct{}{}
				}
				if l.To != nil && r.Offset+1 >= l.To[p.Topic][r.Partition] {
					delete(l.To[p.Topic], r.Partition)
				}
			}
			o.Records += len(p.Records)
		})
	}
	o.Seconds = time.Since(begin).Seconds()
	o.Batches, o.Requests, o.Keys = counter.batches.Load(), counter.fetches.Load(), len(keys)
	return o, nil
}

// consumed tells whether that is all: so many records, or all partitions to
// their ends.
func (l *load) consumed(records int) bool {
	if l.To == nil {
		return records >= l.Records
	}
	for _, left := range l.To {
		if len(left) > 0 {
			return false
		}
	}
	return true
}
