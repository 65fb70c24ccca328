package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// sessionFetch asks in a session; topics name partitions 0 with offsets.
func sessionFetch(id, epoch int32, topics map[string]int64, forget ...string) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MinBytes, req.SessionID, req.SessionEpoch = 1<<20, 1, id, epoch
	for name, from := range topics {
		p := kmsg.NewFetchRequestTopicPartition()
		p.FetchOffset, p.PartitionMaxBytes = from, 1<<20
		req.Topics = append(req.Topics, kmsg.FetchRequestTopic{Topic: name, Partitions: []kmsg.FetchRequestTopicPartition{p}})
	}
	for _, name := range forget {
		req.ForgottenTopics = append(req.ForgottenTopics, kmsg.FetchRequestForgottenTopic{Topic: name, Partitions: []int32{0}})
	}
	return req
}

// summary shows what an answer holds, by topic.
func summary(t *testing.T, resp *kmsg.FetchResponse) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			text := strings.Join(valuesOf(t, p.RecordBatches), ",")
			if p.ErrorCode != 0 {
				text = protocol.ErrorCode(p.ErrorCode).String()
			}
			out[fmt.Sprintf("%s-%d", topic.Topic, p.Partition)] = text
		}
	}
	return out
}

// TestFetchSession is a conversation of KIP-227.
func TestFetchSession(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("a", 1)
	c.createTopic("b", 1)
	c.produce("a", 0, "a0")
	say := func(name string, req *kmsg.FetchRequest, code protocol.ErrorCode, want map[string]string) *kmsg.FetchResponse {
		t.Helper()
		resp := ask[*kmsg.FetchResponse](c, 12, req)
		if resp.ErrorCode != int16(code) {
			t.Fatalf("%s: %s, expected %s", name, protocol.ErrorCode(resp.ErrorCode), code)
		}
		if d := cmp.Diff(want, summary(t, resp)); d != "" {
			t.Fatalf("%s: %s", name, d)
		}
		return resp
	}
	none := map[string]string{}
	id := say("full", sessionFetch(0, 0, map[string]int64{"a": 0, "b": 0}), 0, map[string]string{"a-0": "a0", "b-0": ""}).SessionID
	if id == 0 {
		t.Fatal("no session")
	}
	say("not taken yet: again", sessionFetch(id, 1, nil), 0, map[string]string{"a-0": "a0"})
	say("taken", sessionFetch(id, 2, map[string]int64{"a": 1}), 0, none)
	say("nothing new", sessionFetch(id, 3, nil), 0, none)
	c.produce("b", 0, "b0")
	say("only what changed", sessionFetch(id, 4, nil), 0, map[string]string{"b-0": "b0"})
	say("wrong epoch", sessionFetch(id, 9, nil), protocol.InvalidFetchSessionEpoch, none)
	say("wrong id", sessionFetch(id+1, 5, nil), protocol.FetchSessionIDNotFound, none)
	c.produce("a", 0, "a1")
	say("forgotten", sessionFetch(id, 5, nil, "b"), 0, map[string]string{"a-0": "a1"})
	c.produce("b", 0, "b1")
	say("forgotten stays", sessionFetch(id, 6, map[string]int64{"a": 2}), 0, none)
	say("out of range", sessionFetch(id, 7, map[string]int64{"a": 99}), 0, map[string]string{"a-0": "OFFSET_OUT_OF_RANGE"})
	say("an unknown topic", sessionFetch(id, 8, map[string]int64{"a": 2, "x": 0}), 0, map[string]string{"a-0": "", "x-0": "UNKNOWN_TOPIC_OR_PARTITION"})
	c.createTopic("x", 1)
	say("known now", sessionFetch(id, 9, nil), 0, map[string]string{"x-0": ""})
	c.deleteTopic("x")
	say("deleted", sessionFetch(id, 10, nil), 0, map[string]string{"x-0": "UNKNOWN_TOPIC_OR_PARTITION"})
	if resp := say("closed", sessionFetch(id, -1, map[string]int64{"a": 2}), 0, map[string]string{"a-0": ""}); resp.SessionID != 0 {
		t.Error("a closed session has an id")
	}
	say("gone", sessionFetch(id, 11, nil), protocol.FetchSessionIDNotFound, none)
}

func (c *client) deleteTopic(name string) {
	c.tb.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames = []string{name}
	if resp := ask[*kmsg.DeleteTopicsResponse](c, 5, req); resp.Topics[0].ErrorCode != 0 {
		c.tb.Fatalf("delete %s: %s", name, protocol.ErrorCode(resp.Topics[0].ErrorCode))
	}
}

// TestFetchLongPoll: a fetch waits for records, and one in a session too.
func TestFetchLongPoll(t *testing.T) {
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: now})
	c, producer := b.dial(), b.dial()
	c.createTopic("t", 1)
	wait := fetchRequest("t", 0, 0)
	wait.MaxWaitMillis = 3_600_000
	wait.SetVersion(12)
	c.send(wait)
	producer.produce("t", 0, "one")
	resp, _ := c.receive(wait, c.next).(*kmsg.FetchResponse)
	if got := summary(t, resp)["t-0"]; got != "one" {
		t.Errorf("woken with %q", got)
	}
	session := sessionFetch(0, 0, map[string]int64{"t": 1})
	id := ask[*kmsg.FetchResponse](c, 12, session).SessionID
	next := sessionFetch(id, 1, nil)
	next.MaxWaitMillis = 3_600_000
	next.SetVersion(12)
	c.send(next)
	producer.produce("t", 0, "two")
	resp, _ = c.receive(next, c.next).(*kmsg.FetchResponse)
	if got := summary(t, resp)["t-0"]; got != "two" {
		t.Errorf("the session is woken with %q", got)
	}
}

// TestFetchMinBytes: what comes is answered only when there is enough of it.
func TestFetchMinBytes(t *testing.T) {
	b := startBroker(t, options{})
	c, producer := b.dial(), b.dial()
	c.createTopic("t", 2)
	req := fetchRequest("t", 0, 0)
	second := req.Topics[0].Partitions[0]
	second.Partition = 1
	req.Topics[0].Partitions = append(req.Topics[0].Partitions, second)
	req.MaxWaitMillis, req.MinBytes = 20_000, 5000
	req.SetVersion(12)
	c.send(req)
	for i := range 6 {
		producer.produce("t", int32(i%2), strings.Repeat("x", 1000))
	}
	resp, _ := c.receive(req, c.next).(*kmsg.FetchResponse)
	total := 0
	for _, p := range resp.Topics[0].Partitions {
		total += len(p.RecordBatches)
	}
	if total < 5000 {
		t.Errorf("answered with %d bytes", total)
	}
}

// TestFetchDeleted: who waits for more bytes of a topic than there are hears at
// once that it was deleted.
func TestFetchDeleted(t *testing.T) {
	for _, minBytes := range []int32{1, 1 << 20} {
		b := startBroker(t, options{clock: clock.NewManual(time.Unix(1_700_000_000, 0))})
		c, other := b.dial(), b.dial()
		c.createTopic("t", 1)
		req := fetchRequest("t", 0, 0)
		req.MaxWaitMillis, req.MinBytes = 3_600_000, minBytes
		req.SetVersion(12)
		c.send(req)
		id := c.next
		// What comes behind it on the connection is done once it is parked.
		next := kmsg.NewPtrCreateTopicsRequest()
		next.SetVersion(7)
		next.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "next", NumPartitions: 1, ReplicationFactor: 1}}
		c.send(next)
		for done := false; !done; {
			advertised(other)
			_, done = b.meta.Image().Topic("next")
		}
		other.deleteTopic("t")
		resp, _ := c.receive(req, id).(*kmsg.FetchResponse)
		if got := summary(t, resp)["t-0"]; got != "UNKNOWN_TOPIC_OR_PARTITION" {
			t.Errorf("min bytes %d: %q", minBytes, got)
		}
	}
}

// TestFetchTimeout: a fetch for more than there is waits as long as it said, and
// ends with what there is.
func TestFetchTimeout(t *testing.T) {
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: now})
	c, other := b.dial(), b.dial()
	c.createTopic("t", 1)
	c.produce("t", 0, "little")
	req := fetchRequest("t", 0, 0)
	req.MaxWaitMillis, req.MinBytes = 50, 1<<20
	req.SetVersion(12)
	before := now.Pending()
	c.send(req)
	for now.Pending() == before { // until it waits
		advertised(other)
	}
	now.Advance(49 * time.Millisecond)
	advertised(other)
	if n := now.Pending(); n != before+1 {
		t.Errorf("%d timers, expected %d: the wait has ended before its time", n, before+1)
	}
	now.Advance(time.Millisecond)
	resp, _ := c.receive(req, c.next).(*kmsg.FetchResponse)
	if got := summary(t, resp)["t-0"]; got != "little" {
		t.Errorf("after the wait: %q", got)
	}
}

// TestFetchMaxBytes: KIP-74. The first batch comes whatever its size, more
// only within the limits.
func TestFetchMaxBytes(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 3)
	for p := range int32(3) {
		for range 3 {
			c.produce("t", p, strings.Repeat("x", 1000))
		}
	}
	batches := func(maxBytes, partitionMax int32) []int {
		req := fetchRequest("t", 0, 0)
		req.MaxBytes = maxBytes
		base := req.Topics[0].Partitions[0]
		req.Topics[0].Partitions = nil
		for p := range int32(3) {
			base.Partition, base.PartitionMaxBytes = p, partitionMax
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, base)
		}
		var counts []int
		for _, p := range ask[*kmsg.FetchResponse](c, 12, req).Topics[0].Partitions {
			counts = append(counts, len(valuesOf(t, p.RecordBatches)))
		}
		return counts
	}
	for _, tc := range []struct {
		maxBytes, partitionMax int32
		want                   []int
	}{
		{10, 10, []int{1, 0, 0}},
		{1 << 20, 10, []int{1, 0, 0}},
		{1 << 20, 1200, []int{1, 1, 1}},
		{2500, 1 << 20, []int{2, 0, 0}},
		{1 << 20, 1 << 20, []int{3, 3, 3}},
		{0, 0, []int{1, 0, 0}},
	} {
		if d := cmp.Diff(tc.want, batches(tc.maxBytes, tc.partitionMax)); d != "" {
			t.Errorf("max %d, partition max %d: %s", tc.maxBytes, tc.partitionMax, d)
		}
	}
}

// TestFetchRotation: in a session the partition that was served goes to the
// end, so that a full answer starves nobody.
func TestFetchRotation(t *testing.T) {
	c := startBroker(t, options{}).dial()
	topics := map[string]int64{}
	for i := range 4 {
		name := fmt.Sprint("t", i)
		topics[name] = 0
		c.createTopic(name, 1)
		c.produce(name, 0, strings.Repeat("x", 1000))
		c.produce(name, 0, strings.Repeat("y", 1000))
	}
	seen := map[string]int64{}
	req := sessionFetch(0, 0, topics)
	id, epoch := int32(0), int32(0)
	for len(seen) < 4 {
		if epoch > 4 {
			t.Fatalf("after %d rounds only %v were served", epoch, seen)
		}
		req.MaxBytes = 1200
		resp := ask[*kmsg.FetchResponse](c, 12, req)
		id, epoch = resp.SessionID, epoch+1
		moved := map[string]int64{}
		for _, topic := range resp.Topics {
			if n := len(valuesOf(t, topic.Partitions[0].RecordBatches)); n > 0 {
				seen[topic.Topic]++
				moved[topic.Topic] = seen[topic.Topic]
			}
		}
		req = sessionFetch(id, epoch, moved)
	}
}

// TestFetchTopicIDs: v13 names topics by id.
func TestFetchTopicIDs(t *testing.T) {
	c := startBroker(t, options{}).dial()
	id := c.createTopic("t", 1)
	c.produce("t", 0, "v")
	fetch := func(id [16]byte) *kmsg.FetchResponse {
		req := fetchRequest("", 0, 0)
		req.Topics[0].TopicID = id
		return ask[*kmsg.FetchResponse](c, 17, req)
	}
	if got := summary(t, fetch(id))["-0"]; got != "v" {
		t.Errorf("by id: %q", got)
	}
	if got := summary(t, fetch([16]byte{1}))["-0"]; got != "UNKNOWN_TOPIC_ID" {
		t.Errorf("by an unknown id: %q", got)
	}
	c.deleteTopic("t")
	c.createTopic("t", 1)
	if got := summary(t, fetch(id))["-0"]; got != "UNKNOWN_TOPIC_ID" {
		t.Errorf("by the id of a deleted topic: %q", got)
	}
}

// TestFetchSessionSlots: without a free slot a client gets no session, and is
// served all the same; a session at rest gives up its slot.
func TestFetchSessionSlots(t *testing.T) {
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: now, config: func(c *server.Config) { c.FetchSessionsMax = 1 }})
	c := b.dial()
	c.createTopic("t", 1)
	open := func() int32 {
		return ask[*kmsg.FetchResponse](c, 12, sessionFetch(0, 0, map[string]int64{"t": 0})).SessionID
	}
	first := open()
	if second := open(); first == 0 || second != 0 {
		t.Errorf("sessions %d and %d, expected one", first, second)
	}
	now.Advance(3 * time.Minute)
	if third := open(); third == 0 {
		t.Error("a session at rest keeps its slot")
	}
	resp := ask[*kmsg.FetchResponse](c, 12, sessionFetch(first, 1, nil))
	if protocol.ErrorCode(resp.ErrorCode) != protocol.FetchSessionIDNotFound {
		t.Errorf("the evicted session: %d", resp.ErrorCode)
	}
}
