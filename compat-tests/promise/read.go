package promise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readTimeout is enough for what was acknowledged in an hour, on a busy machine.
const readTimeout = 10 * time.Minute

// readLog reads every partition from an offset to its end.
func readLog(ctx context.Context, addr string, from []int64) ([][]record, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	starts := map[int32]kgo.Offset{}
	for p, at := range from {
		starts[int32(p)] = kgo.NewOffset().At(at)
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: starts}),
		kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, Topic)
	if err != nil {
		return nil, fmt.Errorf("end offsets: %w", err)
	}
	if err := ends.Error(); err != nil {
		return nil, fmt.Errorf("end offsets: %w", err)
	}
	got := make([][]record, len(from))
	left := 0
	ends.Each(func(o kadm.ListedOffset) {
		// A partition that ends before `from` has lost records; its reading
		// is empty and the check says so.
		left += int(max(o.Offset-from[o.Partition], 0))
	})
	var bad error
	for left > 0 && bad == nil {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return nil, fmt.Errorf("read the log, %d records to go: %w", left, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			left--
			n, err := decode(r.Value)
			if err != nil {
				bad = errors.Join(bad, fmt.Errorf("partition %d offset %d: %w", r.Partition, r.Offset, err))
			}
			got[r.Partition] = append(got[r.Partition], record{r.Offset, n})
		})
	}
	return got, bad
}

// readCommits reads the group's committed offsets.
func readCommits(ctx context.Context, addr string, partitions int) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	offsets, err := kadm.NewClient(cl).FetchOffsets(ctx, Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("committed offsets: %w", err)
	}
	got := make([]int64, partitions)
	for p := range got {
		got[p] = none
		if o, ok := offsets.Lookup(Topic, int32(p)); ok {
			if o.Err != nil {
				return nil, fmt.Errorf("committed offset of %d: %w", p, o.Err)
			}
			got[p] = o.At
		}
	}
	return got, nil
}
