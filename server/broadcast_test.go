package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// setConsumeMode does what kafka-configs does with a group.
func setConsumeMode(ctx context.Context, t *testing.T, c *kgo.Client, group, mode string) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceType(cluster.ResourceGroup), group
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = cluster.ConsumeModeKey, &mode
	res.Configs = append(res.Configs, config)
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(ctx, c)
	must(t, err)
	if code := protocol.ErrorCode(resp.Resources[0].ErrorCode); code != protocol.NoError {
		t.Fatalf("%s=%s: %s", cluster.ConsumeModeKey, mode, code)
	}
}

// TestBroadcast has clients that know nothing of it, all with the same client id
// on the same host: each gets every record, and one that is started again goes on
// where it was. Then the running group is switched to be shared: what members read
// before they learn of it may come twice, but nothing is missed.
func TestBroadcast(t *testing.T) {
	b := startBroker(t, options{static: map[string]string{"num.partitions": "3"}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const topic, n = "news", 90
	producer := newKgo(t, b, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	sent := 0
	produce := func() {
		t.Helper()
		for range n {
			must(t, producer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(sent))).FirstErr())
			sent++
		}
	}
	member := func(start kgo.Offset) *kgo.Client {
		return newKgo(t, b, kgo.ConsumeTopics(topic), kgo.ConsumerGroup("g"), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(start))
	}
	produce()
	setConsumeMode(ctx, t, producer, "g", "broadcast")
	first, second := member(kgo.NewOffset().AtStart()), member(kgo.NewOffset().AtStart())
	seenFirst, seenSecond := map[string]int{}, map[string]int{}
	poll(ctx, t, first, seenFirst, n)
	poll(ctx, t, second, seenSecond, n)
	must(t, first.CommitUncommittedOffsets(ctx))
	must(t, second.CommitUncommittedOffsets(ctx))
	first.Close()
	produce()
	poll(ctx, t, second, seenSecond, 2*n)
	must(t, second.CommitUncommittedOffsets(ctx))

	again := member(kgo.NewOffset().AtStart()) // its place is the first one's
	poll(ctx, t, again, seenFirst, 2*n)
	must(t, again.CommitUncommittedOffsets(ctx))
	third, seenThird := member(kgo.NewOffset().AtStart()), map[string]int{}
	poll(ctx, t, third, seenThird, 2*n)
	for who, seen := range map[string]map[string]int{"first": seenFirst, "second": seenSecond, "third": seenThird} {
		for v, times := range seen {
			if times != 1 {
				t.Errorf("record %s came to the %s member %d times", v, who, times)
			}
		}
	}
	third.Close()

	setConsumeMode(ctx, t, producer, "g", "cluster")
	produce()
	shared := map[string]int{}
	for len(shared) < n {
		must(t, ctx.Err())
		for _, c := range []*kgo.Client{second, again} {
			poll, done := context.WithTimeout(ctx, 100*time.Millisecond)
			c.PollFetches(poll).EachRecord(func(r *kgo.Record) { shared[string(r.Value)]++ })
			done()
		}
	}
}
