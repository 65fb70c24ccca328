package compaction

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

// TestMain starts a broker that looks for something to compact or to delete
// all the time.
func TestMain(m *testing.M) {
	os.Exit(shared.MainWith(m, map[string]string{
		"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "500",
	}))
}

// cleaned is how long a broker may take to compact.
const cleaned = 40 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	return testbroker.Context(t, 3*time.Minute)
}

// client is a franz-go client of the broker under test.
func client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return shared.Client(t, append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
}

func admin(t *testing.T) *kadm.Client {
	t.Helper()
	return kadm.NewClient(client(t))
}

// topic creates a topic of one partition in which whatever is not in the newest
// segment is compacted at once, and a segment holds a minute.
func topic(t *testing.T, settings ...string) string {
	t.Helper()
	configs := map[string]string{}
	for _, s := range append([]string{
		"cleanup.policy=compact", "segment.ms=60000", "min.cleanable.dirty.ratio=0.0", "delete.retention.ms=86400000",
	}, settings...) {
		key, value, _ := strings.Cut(s, "=")
		configs[key] = value
	}
	return shared.Topic(t, 1, configs)
}

// alter changes a topic's settings.
func alter(t *testing.T, topic string, settings ...string) {
	t.Helper()
	var list []kadm.AlterConfig
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		list = append(list, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
	}
	resps, err := admin(t).AlterTopicConfigs(testContext(t), list, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resps {
		if r.Err != nil {
			t.Fatal(r.Err, r.ErrMessage)
		}
	}
}
