package observe

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Committed reads a topic as committed, from the start, until it is told to stop or
// take has an error. take gets the marks at the ends of transactions, too: they show
// how far a reader has come.
func Committed(ctx context.Context, addr, topic string, partitions int, take func(*kgo.Record) error) error {
	all := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		all[p] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: all}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
		kgo.FetchMaxWait(250*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		// What fails while the broker is away is tried again by the client.
		fs := cl.PollFetches(ctx)
		for _, rec := range fs.Records() {
			if err := take(rec); err != nil {
				return err
			}
		}
	}
	return nil
}
