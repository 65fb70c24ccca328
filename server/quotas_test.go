package server_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// limit sets a quota of a client id, or removes it with 0.
func (c *client) limit(id, key string, value float64) {
	c.tb.Helper()
	req := kmsg.NewPtrAlterClientQuotasRequest()
	entity := kmsg.AlterClientQuotasRequestEntryEntity{Type: "client-id", Name: &id}
	if id == "" {
		entity.Name = nil
	}
	req.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{entity},
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: key, Value: value, Remove: value == 0}},
	}}
	resp := ask[*kmsg.AlterClientQuotasResponse](c, 1, req)
	if code := resp.Entries[0].ErrorCode; code != 0 {
		c.tb.Fatalf("%s of %q: %v", key, id, protocol.ErrorCode(code))
	}
}

// named is a connection of a client with an id.
func (b *broker) named(id string) *client {
	c := b.dial()
	c.id = id
	return c
}

// end is the end offset of a topic's first partition.
func (c *client) end(topic string) int64 {
	c.tb.Helper()
	req := kmsg.NewPtrListOffsetsRequest()
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Timestamp = -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{part}}}
	return ask[*kmsg.ListOffsetsResponse](c, 5, req).Topics[0].Partitions[0].Offset
}

// TestProducerPauses: what is over the quota is taken and answered at once, the
// connection is not read until the pause is over, and nobody else notices.
func TestProducerPauses(t *testing.T) {
	wall := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: wall})
	other, limited := b.named("other"), b.named("limited")
	other.createTopic("t", 1)
	other.limit("limited", "producer_byte_rate", 1000)
	req := produceRequest("t", 0, -1, batchOf(t, strings.Repeat("x", 5000)))
	resp := ask[*kmsg.ProduceResponse](limited, 9, req)
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatal(protocol.ErrorCode(code))
	}
	if ms := resp.ThrottleMillis; ms < 4000 || ms > 4300 {
		t.Errorf("throttle time %d ms for 5000 bytes of 1000 a second", ms)
	}
	second := produceRequest("t", 0, -1, batchOf(t, "second"))
	second.SetVersion(9)
	limited.send(second)
	for range 20 {
		resp := ask[*kmsg.ProduceResponse](other, 9, produceRequest("t", 0, -1, batchOf(t, strings.Repeat("y", 5000))))
		if resp.ThrottleMillis != 0 {
			t.Fatalf("another client is throttled for %d ms", resp.ThrottleMillis)
		}
	}
	wall.Advance(time.Duration(resp.ThrottleMillis-1) * time.Millisecond)
	if end := other.end("t"); end != 21 {
		t.Errorf("end offset %d: the request of a client that has to pause was read", end)
	}
	wall.Advance(time.Millisecond)
	limited.receive(second, limited.next)
	if end := other.end("t"); end != 22 {
		t.Errorf("end offset %d after the pause", end)
	}
	for _, line := range []string{`mainstem_throttled_total{quota="produce"} 2`, `mainstem_throttle_seconds_total{quota="produce"} 4.`, "mainstem_quota_clients 1"} {
		if !strings.Contains(string(b.metricsText()), line) {
			t.Errorf("the metrics have no %q", line)
		}
	}
	if n := b.logs.FilterMessageSnippet("a client is throttled").Len(); n != 1 {
		t.Errorf("%d lines in the log about a client that was throttled once", n)
	}
}

// TestPauseEndsWithItsQuota: an operator who mistyped a quota can undo it.
func TestPauseEndsWithItsQuota(t *testing.T) {
	b := startBroker(t, options{clock: clock.NewManual(time.Unix(1_700_000_000, 0))})
	other, limited := b.named("other"), b.named("limited")
	other.createTopic("t", 1)
	other.limit("", "producer_byte_rate", 1)
	if resp := ask[*kmsg.ProduceResponse](limited, 9, produceRequest("t", 0, 1, batchOf(t, "first"))); resp.ThrottleMillis < 10_000 {
		t.Fatalf("throttle time %d ms", resp.ThrottleMillis)
	}
	second := produceRequest("t", 0, 1, batchOf(t, "second"))
	second.SetVersion(9)
	limited.send(second)
	other.limit("", "producer_byte_rate", 0)
	limited.receive(second, limited.next)
}

// TestConsumerPauses: answers are as large as the quota of a second, and have no
// records while the client owes.
func TestConsumerPauses(t *testing.T) {
	wall := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: wall})
	other := b.named("other")
	other.createTopic("t", 1)
	for range 10 {
		other.produce("t", 0, strings.Repeat("x", 1000))
	}
	other.limit("limited", "consumer_byte_rate", 2500)
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MinBytes = 1<<20, 1
	part := kmsg.NewFetchRequestTopicPartition()
	part.PartitionMaxBytes = 1 << 20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.Partitions = "t", []kmsg.FetchRequestTopicPartition{part}
	req.Topics = []kmsg.FetchRequestTopic{topic}
	fetch := func(id string) (int, int32) {
		resp := ask[*kmsg.FetchResponse](b.named(id), 11, req)
		return len(resp.Topics[0].Partitions[0].RecordBatches), resp.ThrottleMillis
	}
	if n, ms := fetch("limited"); n == 0 || n > 2500 || ms != 0 {
		t.Errorf("first answer: %d bytes, throttle time %d ms", n, ms)
	}
	n, ms := fetch("limited")
	if n == 0 || n > 2500 || ms == 0 {
		t.Errorf("second answer: %d bytes, throttle time %d ms", n, ms)
	}
	if n, again := fetch("limited"); n != 0 || again != ms {
		t.Errorf("an answer to a client that owes, on another connection: %d bytes, throttle time %d ms, before %d", n, again, ms)
	}
	if n, ms := fetch("other"); n < 10_000 || ms != 0 {
		t.Errorf("another client: %d bytes, throttle time %d ms", n, ms)
	}
	wall.Advance(time.Duration(ms) * time.Millisecond)
	if n, _ := fetch("limited"); n == 0 {
		t.Error("no records after the pause")
	}
}

// TestMutationsAreRefused: with nothing left topics are refused by versions that
// know the error, and made by others, which have to pause.
func TestMutationsAreRefused(t *testing.T) {
	wall := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: wall})
	admin := b.named("admin")
	admin.limit("app", "controller_mutation_rate", 1)
	create := func(version int16, name string, partitions int32) (protocol.ErrorCode, int32) {
		req := kmsg.NewPtrCreateTopicsRequest()
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
		req.Topics = []kmsg.CreateTopicsRequestTopic{topic}
		resp := ask[*kmsg.CreateTopicsResponse](b.named("app"), version, req)
		return protocol.ErrorCode(resp.Topics[0].ErrorCode), resp.ThrottleMillis
	}
	if code, ms := create(7, "a", 13); code != protocol.NoError || ms != 0 {
		t.Errorf("the first: %v, throttle time %d", code, ms)
	}
	if code, ms := create(7, "b", 1); code != protocol.ThrottlingQuotaExceeded || ms != 2000 {
		t.Errorf("over the quota: %v, throttle time %d", code, ms)
	}
	if code, ms := create(5, "c", 1); code != protocol.NoError || ms != 3000 {
		t.Errorf("over the quota, in a version without the error: %v, throttle time %d", code, ms)
	}
	wall.Advance(3 * time.Second)
	if code, ms := create(7, "b", 1); code != protocol.NoError || ms != 0 {
		t.Errorf("after the pause: %v, throttle time %d", code, ms)
	}
}

// TestPausesDoNotHoldUpClose: a broker that stops does not wait for pauses.
func TestPausesDoNotHoldUpClose(t *testing.T) {
	b := newBroker(t, options{})
	defer b.close()
	limited := b.named("limited")
	limited.createTopic("t", 1)
	limited.limit("limited", "producer_byte_rate", 1)
	ask[*kmsg.ProduceResponse](limited, 9, produceRequest("t", 0, -1, batchOf(t, "first")))
	b.close()
}

// TestRequestTime: with a quota on time every answer with the field says so.
func TestRequestTime(t *testing.T) {
	b := startBroker(t, options{})
	b.named("admin").limit("slow", "request_percentage", 1e-9)
	for i, c := range []struct {
		version int16
		req     kmsg.Request
	}{
		{12, kmsg.NewPtrMetadataRequest()},
		{3, kmsg.NewPtrApiVersionsRequest()},
		{1, kmsg.NewPtrDescribeClientQuotasRequest()},
		{5, kmsg.NewPtrListGroupsRequest()},
		{11, kmsg.NewPtrFetchRequest()},
	} {
		resp := ask[kmsg.Response](b.named("slow"), c.version, c.req)
		told, ok := resp.(kmsg.ThrottleResponse)
		if !ok {
			t.Fatalf("%T has no throttle time", resp)
		}
		// A pause for time is never longer than a second.
		if ms, _ := told.Throttle(); ms < 1 || ms > 1000 {
			t.Errorf("request %d, %T: throttle time %d ms", i, resp, ms)
		}
	}
}

// TestPausedClientsThatLeave: connections of clients that left in a pause of an hour do
// not stay for it, however they ended; what one sent before is not lost.
func TestPausedClientsThatLeave(t *testing.T) {
	wall := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: wall})
	other := b.named("other")
	other.createTopic("t", 1)
	other.limit("limited", "producer_byte_rate", 1)
	clients := map[string]*client{}
	for _, how := range []string{"closes", "is reset with a request unread", "has sent more"} {
		c := b.named("limited")
		if resp := ask[*kmsg.ProduceResponse](c, 9, produceRequest("t", 0, 1, batchOf(t, strings.Repeat("x", 9000)))); resp.ThrottleMillis != 3_600_000 {
			t.Fatalf("throttle time %d ms", resp.ThrottleMillis)
		}
		clients[how] = c
	}
	more := produceRequest("t", 0, 1, batchOf(t, "more"))
	more.SetVersion(9)
	for _, how := range []string{"is reset with a request unread", "has sent more"} {
		clients[how].send(more)
	}
	must(t, clients["closes"].conn.Close())
	must(t, clients["is reset with a request unread"].conn.(*net.TCPConn).SetLinger(0))
	must(t, clients["is reset with a request unread"].conn.Close())
	must(t, clients["has sent more"].conn.(*net.TCPConn).CloseWrite())
	rounds := 0
	until(t, "the two that left are closed", func() bool { return b.openConnections() <= 2 }, func() {
		if rounds++; rounds <= 60 {
			wall.Advance(10 * time.Second)
		}
	})
	for range 3 {
		wall.Advance(10 * time.Second)
	}
	other.limit("limited", "producer_byte_rate", 0)
	until(t, "the record of the one that has sent more is written", func() bool { return other.end("t") == 4 }, func() {})
}
