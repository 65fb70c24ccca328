package tape

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Whole reads all of a topic, as committed: to where no transaction is open.
func Whole(t *testing.T, addr, topic string) []*kgo.Record {
	t.Helper()
	ctx := testbroker.Context(t, CatchUp)
	// The marks of transactions show that the end was reached.
	cl := client(t, addr, kgo.ConsumeTopics(topic), kgo.KeepControlRecords())
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
	if err := errors.Join(err, ends.Error()); err != nil {
		t.Fatalf("the ends of %s: %v", topic, err)
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	var all []*kgo.Record
	for len(left) > 0 {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatalf("read %s to its end: %v; left are %v", topic, err, left)
		}
		for _, r := range fs.Records() {
			end := ends[topic][r.Partition].Offset
			if !r.Attrs.IsControl() && r.Offset < end {
				all = append(all, r)
			}
			if r.Offset >= end-1 {
				delete(left, r.Partition)
			}
		}
	}
	return all
}
