package franzgo

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/groups"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.MainWith(m, groups.Props())) }

// testTime bounds every test here.
const testTime = 60 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	return testbroker.Context(t, testTime)
}

// client is a franz-go client of the broker under test.
func client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return shared.Client(t, opts...)
}

// admin is an admin client of the broker under test.
func admin(t *testing.T) *kadm.Client {
	t.Helper()
	return kadm.NewClient(client(t))
}

// topic creates a topic of the test's own.
func topic(t *testing.T, partitions int32, configs map[string]string) string {
	t.Helper()
	return shared.Topic(t, partitions, configs)
}

// produce sends records, all or nothing.
func produce(t *testing.T, cl *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := cl.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

// values makes n records for one partition with values PREFIX0, PREFIX1, ...
func values(topic string, partition int32, prefix string, n int) []*kgo.Record {
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: numbered(prefix, i)}
	}
	return rs
}

// poll consumes until n records have come.
func poll(t *testing.T, cl *kgo.Client, n int) []*kgo.Record {
	t.Helper()
	ctx := testContext(t)
	var got []*kgo.Record
	for len(got) < n {
		fs := cl.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			t.Fatalf("poll: %v after %d of %d records", err, len(got), n)
		}
		for _, e := range fs.Errors() {
			t.Fatalf("poll %s/%d: %v", e.Topic, e.Partition, e.Err)
		}
		got = append(got, fs.Records()...)
	}
	if len(got) > n {
		t.Fatalf("poll: %d records, want %d", len(got), n)
	}
	return got
}

// manual makes a producer option set for records that name their partition.
func manual(opts ...kgo.Opt) []kgo.Opt {
	return append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))
}
