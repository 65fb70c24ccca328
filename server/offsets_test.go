package server_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// TestOffsetsGoWithTheirTopic: what a group committed for a topic is not what a
// later topic of that name begins with.
func TestOffsetsGoWithTheirTopic(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	commit := func(version int16, id [16]byte, offset int64) protocol.ErrorCode {
		t.Helper()
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group, req.Generation = "g", -1
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic, topic.TopicID = "t", id
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Offset = offset
		topic.Partitions = append(topic.Partitions, part)
		req.Topics = append(req.Topics, topic)
		resp := ask[*kmsg.OffsetCommitResponse](c, version, req)
		return protocol.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	fetch := func() int64 {
		t.Helper()
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0}}}
		return ask[*kmsg.OffsetFetchResponse](c, 7, req).Topics[0].Partitions[0].Offset
	}
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find)

	first := c.createTopic("t", 1)
	if code := commit(9, first, 5); code != 0 || fetch() != 5 {
		t.Fatalf("commit: %s, fetched %d", code, fetch())
	}
	must(t, b.meta.DeleteTopics([]string{"t"})[0])
	second := c.createTopic("t", 1)
	if got := fetch(); got != -1 {
		t.Errorf("the new topic begins at %d", got)
	}
	if code := commit(10, first, 6); code != protocol.UnknownTopicID {
		t.Errorf("commit for the deleted topic: %s", code)
	}
	if code := commit(10, second, 7); code != 0 || fetch() != 7 {
		t.Errorf("commit for the new topic: %s, fetched %d", code, fetch())
	}
	// What comes late for the deleted one leaves the new one's alone.
	dropped := make(chan error, 1)
	b.groups.DropTopics([]string{"t"}, func(err error) { dropped <- err })
	must(t, <-dropped)
	if got := fetch(); got != 7 {
		t.Errorf("fetched %d after a late removal", got)
	}
}

// TestLoadOverAStop: groups that are not loaded because the broker stops are no error
// of which anybody is told.
func TestLoadOverAStop(t *testing.T) {
	b := startBroker(t, options{})
	b.dial().coordinate("g")
	b.groups.Close()
	b.logs.TakeAll()
	server.LoadShard(b.server, 0)
	for _, line := range b.logs.TakeAll() {
		t.Errorf("%s: %s %v", line.Level, line.Message, line.ContextMap())
	}
}
