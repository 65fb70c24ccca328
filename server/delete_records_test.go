package server_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestDeleteRecordsOfMany: of a request with very many partitions few wait for
// the log at a time, so that producers do not wait for all; its time ends it.
func TestDeleteRecordsOfMany(t *testing.T) {
	const parts, most = 300, 64
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	var holding atomic.Bool
	held, first := make(chan struct{}), make(chan struct{}, 1)
	b := startBroker(t, options{clock: now, hook: func(op vfs.Op) error {
		if op.Kind == vfs.KindWrite && holding.Load() {
			select {
			case first <- struct{}{}:
			default:
			}
			<-held
		}
		return nil
	}})
	c, other := b.dial(), b.dial()
	c.createTopic("t", parts)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.SetVersion(2)
	req.TimeoutMillis = 10_000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "t"}}
	for i := range int32(parts) {
		c.produce("t", i, "v")
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, kmsg.DeleteRecordsRequestTopicPartition{Partition: i, Offset: 1})
	}
	holding.Store(true)
	c.send(req)
	id := c.next
	<-first
	answered := make(chan kmsg.Response, 1)
	go func() { answered <- c.receive(req, id) }()
	var resp kmsg.Response
	for resp == nil {
		now.Advance(time.Second)
		advertised(other)
		select {
		case resp = <-answered:
		default:
		}
	}
	for _, p := range resp.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions {
		if code := protocol.ErrorCode(p.ErrorCode); code != protocol.RequestTimedOut {
			t.Fatalf("partition %d: %s", p.Partition, code)
		}
	}
	close(held)
	if r := other.produce("t", 0, "behind what had begun"); r.ErrorCode != 0 {
		t.Fatalf("produce: %d", r.ErrorCode)
	}
	begun := 0
	for i := range int32(parts) {
		part, err := b.partitions.Find("t", i)
		if err != nil {
			t.Fatal(err)
		}
		begun += int(part.Offsets().LogStart)
	}
	if begun == 0 || begun > most {
		t.Errorf("%d log starts were queued at a time, want at most %d", begun, most)
	}
	for _, p := range ask[*kmsg.DeleteRecordsResponse](c, 2, req).Topics[0].Partitions {
		if p.ErrorCode != 0 || p.LowWatermark != 1 {
			t.Fatalf("partition %d: %s, start %d", p.Partition, protocol.ErrorCode(p.ErrorCode), p.LowWatermark)
		}
	}
}

// TestDeleteRecordsByPolicy: of topics that are only compacted no records can be
// deleted, whatever the offset.
func TestDeleteRecordsByPolicy(t *testing.T) {
	c := startBroker(t, options{}).dial()
	for i, policy := range []string{"delete", "compact,delete", "compact"} {
		topic := fmt.Sprint("t", i)
		c.createTopic(topic, 1, "cleanup.policy", policy)
		for offset, want := range map[int64]protocol.ErrorCode{-1: 0, 0: 0, 1: protocol.OffsetOutOfRange} {
			start := int64(0)
			if policy == "compact" {
				want = protocol.PolicyViolation
			}
			if want != 0 {
				start = -1
			}
			req := kmsg.NewPtrDeleteRecordsRequest()
			req.TimeoutMillis = 10_000
			req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: offset}}}}
			got := ask[*kmsg.DeleteRecordsResponse](c, 2, req).Topics[0].Partitions[0]
			if code := protocol.ErrorCode(got.ErrorCode); code != want || got.LowWatermark != start {
				t.Errorf("%s, before %d: %s, start %d; want %s, %d", policy, offset, code, got.LowWatermark, want, start)
			}
		}
	}
}
