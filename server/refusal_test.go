package server_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestProduceRefused: on a disk that is nearly full clients' records are
// refused in words, and all else goes on.
func TestProduceRefused(t *testing.T) {
	var full atomic.Bool
	b := startBroker(t, options{refusal: func() *protocol.Error {
		if full.Load() {
			return protocol.Errorf(protocol.KafkaStorageError, "the disk is full, make room")
		}
		return nil
	}})
	c := b.dial()
	c.createTopic("t", 1)
	if p := c.produce("t", 0, "before"); p.ErrorCode != 0 {
		t.Fatalf("%+v", p)
	}
	full.Store(true)
	p := c.produce("t", 0, "refused")
	if protocol.ErrorCode(p.ErrorCode) != protocol.KafkaStorageError || p.ErrorMessage == nil || *p.ErrorMessage != "the disk is full, make room" ||
		p.BaseOffset != -1 {
		t.Errorf("%+v", p)
	}
	bad := ask[*kmsg.ProduceResponse](c, 9, produceRequest("t", 0, 2, batchOf(t, "v"))).Topics[0].Partitions[0]
	if protocol.ErrorCode(bad.ErrorCode) != protocol.InvalidRequiredAcks {
		t.Errorf("a request that no broker would take is answered %+v", bad)
	}

	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "g", -1
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{
		Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 0, Offset: 1, LeaderEpoch: -1}},
	}}
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find) // makes __consumer_offsets
	var committed protocol.ErrorCode
	commits := func() {
		committed = protocol.ErrorCode(ask[*kmsg.OffsetCommitResponse](c, 7, commit).Topics[0].Partitions[0].ErrorCode)
	}
	commits()
	until(t, "the coordinator has loaded", func() bool { return committed != protocol.CoordinatorLoadInProgress }, commits)
	if committed != protocol.NoError {
		t.Fatalf("commit: %v", committed)
	}
	c.createTopic("another", 1)
	deletion := kmsg.NewPtrDeleteRecordsRequest()
	deletion.TimeoutMillis = 10_000
	deletion.Topics = []kmsg.DeleteRecordsRequestTopic{{
		Topic: "t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 1}},
	}}
	if got := ask[*kmsg.DeleteRecordsResponse](c, 2, deletion).Topics[0].Partitions[0]; got.ErrorCode != 0 || got.LowWatermark != 1 {
		t.Errorf("DeleteRecords: %+v", got)
	}

	silent := b.dial()
	silent.send(versioned(produceRequest("t", 0, 0, batchOf(t, "silent")), 9))
	silent.closed()
	full.Store(false)
	if p := c.produce("t", 0, "after"); p.ErrorCode != 0 || p.BaseOffset != 1 {
		t.Errorf("%+v", p)
	}
	if text := string(b.metricsText()); !strings.Contains(text, `mainstem_request_errors_total{api="Produce",error="KAFKA_STORAGE_ERROR"}`) {
		t.Error("the refusals are not counted")
	}
}

func versioned(req *kmsg.ProduceRequest, version int16) *kmsg.ProduceRequest {
	req.SetVersion(version)
	return req
}
