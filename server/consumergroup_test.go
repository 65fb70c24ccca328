package server_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// TestConsumerGroup lets a member join, commit, be described and leave over the
// wire, in both versions of the heartbeat.
func TestConsumerGroup(t *testing.T) {
	b := startBroker(t, options{tune: server.ServeConsumerGroups})
	c := b.dial()
	topic := c.createTopic("t", 2)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find) // makes __consumer_offsets
	for _, version := range []int16{0, 1} {
		beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		beat.Group, beat.RebalanceTimeoutMillis = "g", 30_000
		beat.SubscribedTopicNames = []string{"t"}
		beat.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		if version > 0 {
			beat.MemberID = "made by the client"
		}
		var joined *kmsg.ConsumerGroupHeartbeatResponse
		join := func() { joined = ask[*kmsg.ConsumerGroupHeartbeatResponse](c, version, beat) }
		until(t, "the coordinator has loaded", func() bool {
			return joined != nil && protocol.ErrorCode(joined.ErrorCode) != protocol.CoordinatorLoadInProgress
		}, join)
		if joined.ErrorCode != 0 || joined.MemberID == nil || *joined.MemberID == "" || joined.Assignment == nil {
			t.Fatalf("%+v", joined)
		}
		if got := joined.Assignment.Topics; len(got) != 1 || got[0].TopicID != topic || !slices.Equal(got[0].Partitions, []int32{0, 1}) {
			t.Errorf("assigned: %v", got)
		}
		c.commitAs(t, *joined.MemberID, joined.MemberEpoch, protocol.NoError)
		c.commitAs(t, *joined.MemberID, joined.MemberEpoch-1, protocol.StaleMemberEpoch)
		c.described(t, *joined.MemberID)

		beat.MemberID, beat.MemberEpoch = *joined.MemberID, -1
		if left := ask[*kmsg.ConsumerGroupHeartbeatResponse](c, version, beat); left.ErrorCode != 0 || left.MemberEpoch != -1 {
			t.Errorf("%+v", left)
		}
	}
}

func (c *client) commitAs(t *testing.T, member string, epoch int32, want protocol.ErrorCode) {
	t.Helper()
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.MemberID, commit.Generation = "g", member, epoch
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{
		Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 1, Offset: 7}},
	}}
	resp := ask[*kmsg.OffsetCommitResponse](c, 9, commit)
	if got := protocol.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode); got != want {
		t.Errorf("commit with epoch %d: %s, want %s", epoch, got, want)
	}
}

func (c *client) described(t *testing.T, member string) {
	t.Helper()
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups, req.IncludeAuthorizedOperations = []string{"g", "none", "g"}, true
	resp := ask[*kmsg.ConsumerGroupDescribeResponse](c, 1, req)
	if len(resp.Groups) != 2 || protocol.ErrorCode(resp.Groups[1].ErrorCode) != protocol.GroupIDNotFound {
		t.Fatalf("%+v", resp)
	}
	g := resp.Groups[0]
	if g.State != "Stable" || len(g.Members) != 1 || g.Members[0].MemberID != member || g.AuthorizedOperations == 0 ||
		g.Members[0].Assignment.TopicPartitions[0].Topic != "t" {
		t.Errorf("%+v", g)
	}
	list := ask[*kmsg.ListGroupsResponse](c, 5, kmsg.NewPtrListGroupsRequest())
	if len(list.Groups) != 1 || list.Groups[0].GroupType != "consumer" || list.Groups[0].GroupState != "Stable" {
		t.Errorf("%+v", list.Groups)
	}
}
