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
func (l *Ledger) readLog(ctx context.Context, addr string, from []int64) ([]reading, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	at := map[int32]kgo.Offset{}
	for p, offset := range from {
		at[int32(p)] = kgo.NewOffset().At(offset)
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: at}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // Retention was faster.
		kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ends, err := listed(kadm.NewClient(cl).ListEndOffsets(ctx, Topic))
	if err != nil {
		return nil, fmt.Errorf("end offsets: %w", err)
	}
	got := make([]reading, len(from))
	for p := range got {
		got[p].from, got[p].end = from[p], ends[int32(p)].Offset
	}
	if err := l.readRecords(ctx, cl, got); err != nil {
		return nil, err
	}
	starts, err := listed(kadm.NewClient(cl).ListStartOffsets(ctx, Topic))
	if err != nil {
		return nil, fmt.Errorf("start offsets: %w", err)
	}
	for p := range got {
		got[p].start = starts[int32(p)].Offset
	}
	return got, nil
}

func listed(offsets kadm.ListedOffsets, err error) (map[int32]kadm.ListedOffset, error) {
	return offsets[Topic], errors.Join(err, offsets.Error())
}

// readRecords reads until each partition's end is seen. One that ends before
// the reading begins has lost records; its reading is empty and the check says so.
func (l *Ledger) readRecords(ctx context.Context, cl *kgo.Client, got []reading) error {
	left := map[int32]bool{}
	for p, r := range got {
		if r.from < r.end {
			left[int32(p)] = true
		}
	}
	var bad error
	for len(left) > 0 && bad == nil {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return fmt.Errorf("read the log, %d partitions to go: %w", len(left), err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			n, err := l.decode(r.Value)
			if err != nil {
				bad = errors.Join(bad, fmt.Errorf("partition %d offset %d: %w", r.Partition, r.Offset, err))
			}
			p := &got[r.Partition]
			p.records = append(p.records, record{r.Offset, n})
			if r.Offset+1 >= p.end {
				delete(left, r.Partition)
			}
		})
	}
	return bad
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
