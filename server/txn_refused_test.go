package server_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// offsetsMarker is a marker for partitions of __consumer_offsets.
func offsetsMarker(producer int64, epoch int16, coordinator int32, shards ...int32) kmsg.WriteTxnMarkersRequestMarker {
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = producer, epoch, coordinator
	m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: cluster.OffsetsTopic, Partitions: shards}}
	return m
}

// writeMarkers has markers written with one request; each is for one topic.
func (c *client) writeMarkers(ms ...kmsg.WriteTxnMarkersRequestMarker) (codes []protocol.ErrorCode) {
	c.tb.Helper()
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.Markers = ms
	for _, m := range ask[*kmsg.WriteTxnMarkersResponse](c, 1, req).Markers {
		for _, p := range m.Topics[0].Partitions {
			codes = append(codes, protocol.ErrorCode(p.ErrorCode))
		}
	}
	return codes
}

// offsetCommit is one of partition 0 of t, without a member.
func offsetCommit(group string, offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	part := kmsg.NewOffsetCommitRequestTopicPartition()
	part.Offset = offset
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{part}}}
	return req
}

// mustCommit commits for a group as if nothing else went on.
func (c *client) mustCommit(when, group string) {
	c.tb.Helper()
	got := ask[*kmsg.OffsetCommitResponse](c, 7, offsetCommit(group, 3)).Topics[0].Partitions[0].ErrorCode
	if got != 0 {
		c.tb.Errorf("%s: another client's commit: %s", when, protocol.ErrorCode(got))
	}
}

// TestFencedOffsets: a producer that a marker has fenced in __consumer_offsets is told
// so with each of its commits, and the groups there notice nothing.
func TestFencedOffsets(t *testing.T) {
	b := startBroker(t, options{})
	c, other := b.dial(), b.dial()
	c.createTopic("t", 1)
	p := c.initID("my-tx")
	c.initGroup("g")
	if got := c.writeMarkers(offsetsMarker(p.ProducerID, 100, 0, 0, 1, 2, 3)); slices.ContainsFunc(got, func(e protocol.ErrorCode) bool { return e != 0 }) {
		t.Fatal(got)
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.Generation = "my-tx", "g", p.ProducerID, -1
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: 5}}}}
	for range 3 {
		got := ask[*kmsg.TxnOffsetCommitResponse](c, 5, req).Topics[0].Partitions[0].ErrorCode
		if protocol.ErrorCode(got) != protocol.InvalidProducerEpoch {
			t.Errorf("a fenced producer commits: %s", protocol.ErrorCode(got))
		}
		other.mustCommit("a fenced producer commits", "g")
	}
}

// TestMarkersOfOneRequest: each is judged behind those before it, which may still wait
// for another's way to the disk.
func TestMarkersOfOneRequest(t *testing.T) {
	b := startBroker(t, options{})
	c, other := b.dial(), b.dial()
	c.createTopic("t", 1)
	c.initGroup("g")
	const all = 4 // partitions of __consumer_offsets, one of which is the group's
	for shard := range int32(all) {
		x := 1000 + 10*int64(shard)
		got := c.writeMarkers(offsetsMarker(x, 0, 0, shard), offsetsMarker(x+1, 5, 2, shard), offsetsMarker(x+1, 4, 2, shard),
			offsetsMarker(x+1, 6, 1, shard), offsetsMarker(x+1, 5, 2, shard), offsetsMarker(x+1, 6, 3, shard), offsetsMarker(x+1, 5, 3, shard))
		want := []protocol.ErrorCode{
			protocol.NoError, protocol.NoError, protocol.InvalidProducerEpoch,
			protocol.TransactionCoordinatorFenced, protocol.NoError, protocol.NoError, protocol.InvalidProducerEpoch,
		}
		if !slices.Equal(got, want) {
			t.Errorf("partition %d: %v, want %v", shard, got, want)
		}
		other.mustCommit("markers are refused", "g")
	}
}
