package server_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestConsumerGroup lets a member join, commit, be described and leave over the
// wire, in both versions of the heartbeat.
func TestConsumerGroup(t *testing.T) {
	b := startBroker(t, options{})
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
		g.Members[0].Assignment.TopicPartitions[0].Topic != "t" || g.Members[0].SubscribedTopicRegex == nil {
		t.Errorf("%+v", g)
	}
	list := ask[*kmsg.ListGroupsResponse](c, 5, kmsg.NewPtrListGroupsRequest())
	if len(list.Groups) != 1 || list.Groups[0].GroupType != "consumer" || list.Groups[0].GroupState != "Stable" {
		t.Errorf("%+v", list.Groups)
	}
}

// joinRequest is a new member's first heartbeat.
func joinRequest(group, member string, topics ...string) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.RebalanceTimeoutMillis = group, member, 30_000
	req.SubscribedTopicNames, req.Topics = topics, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	return req
}

// beatOf is a heartbeat with which a member says nothing new.
func beatOf(group, member string, epoch int32) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = group, member, epoch
	return req
}

// beat sends a heartbeat that has to be accepted.
func (c *client) beat(req *kmsg.ConsumerGroupHeartbeatRequest) *kmsg.ConsumerGroupHeartbeatResponse {
	c.tb.Helper()
	resp := ask[*kmsg.ConsumerGroupHeartbeatResponse](c, 1, req)
	if resp.ErrorCode != 0 {
		c.tb.Fatalf("heartbeat of %s: %s", req.MemberID, protocol.ErrorCode(resp.ErrorCode))
	}
	return resp
}

// setGroup changes a setting of a group; nil: to the broker's again.
func (c *client) setGroup(group, key string, value *string) protocol.ErrorCode {
	c.tb.Helper()
	return c.setConfig(kmsg.ConfigResourceTypeGroupConfig, group, key, value)
}

// setConfig changes a config of a resource; nil: it is taken back.
func (c *client) setConfig(resource kmsg.ConfigResourceType, name, key string, value *string) protocol.ErrorCode {
	c.tb.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	op := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Value: value, Op: kmsg.IncrementalAlterConfigOpSet}
	if value == nil {
		op.Op = kmsg.IncrementalAlterConfigOpDelete
	}
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: resource, ResourceName: name, Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{op},
	}}
	resp := ask[*kmsg.IncrementalAlterConfigsResponse](c, 1, req)
	return protocol.ErrorCode(resp.Resources[0].ErrorCode)
}

// describeConsumer describes a group that has to be there.
func (c *client) describeConsumer(group string) *kmsg.ConsumerGroupDescribeResponseGroup {
	c.tb.Helper()
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = []string{group}
	g := &ask[*kmsg.ConsumerGroupDescribeResponse](c, 1, req).Groups[0]
	if g.ErrorCode != 0 {
		c.tb.Fatalf("describe %s: %s", group, protocol.ErrorCode(g.ErrorCode))
	}
	return g
}

// TestConsumerGroupSettings: what is set on a running group reaches its members
// with their next heartbeats.
func TestConsumerGroupSettings(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	for _, topic := range []string{"t", "u"} {
		c.createTopic(topic, 3)
	}
	c.coordinate("g")
	c.beat(joinRequest("g", "a", "t", "u"))
	joined := c.beat(joinRequest("g", "b", "t", "u"))
	if joined.HeartbeatIntervalMillis != 5000 {
		t.Errorf("a heartbeat each %d ms", joined.HeartbeatIntervalMillis)
	}
	set := func(key, value string, want protocol.ErrorCode) {
		t.Helper()
		if got := c.setGroup("g", key, &value); got != want {
			t.Errorf("%s=%s: %s, want %s", key, value, got, want)
		}
	}
	set("consumer.heartbeat.interval.ms", "7000", protocol.NoError)
	set("consumer.heartbeat.interval.ms", "4999", protocol.InvalidConfig)
	set("consumer.session.timeout.ms", "60001", protocol.InvalidConfig)
	set("consumer.session.timeout.ms", "50000", protocol.NoError)
	set("mainstem.consumer.assignor", "sticky", protocol.InvalidConfig)
	if got := c.beat(beatOf("g", "b", joined.MemberEpoch)).HeartbeatIntervalMillis; got != 7000 {
		t.Errorf("a heartbeat each %d ms, 7000 is set", got)
	}
	targets := func() (sizes []int) {
		for _, m := range c.describeConsumer("g").Members {
			n := 0
			for _, t := range m.TargetAssignment.TopicPartitions {
				n += len(t.Partitions)
			}
			sizes = append(sizes, n)
		}
		return sizes
	}
	if got := targets(); !slices.Equal(got, []int{3, 3}) {
		t.Errorf("uniform gives %v", got)
	}
	set("mainstem.consumer.assignor", "range", protocol.NoError)
	until(t, "dealt out by range", func() bool { return slices.Equal(targets(), []int{4, 2}) }, func() {})
	if g := c.describeConsumer("g"); g.AssignorName != "range" {
		t.Errorf("the assignor is %s", g.AssignorName)
	}
	if code := c.setGroup("g", "mainstem.consumer.assignor", nil); code != 0 {
		t.Errorf("delete: %s", code)
	}
	until(t, "dealt out by uniform", func() bool { return slices.Equal(targets(), []int{3, 3}) }, func() {})
}

// TestNoConsumerGroups: a broker without the protocol says so, as Kafka does.
func TestNoConsumerGroups(t *testing.T) {
	b := startBroker(t, options{
		static: map[string]string{"group.coordinator.rebalance.protocols": "classic"},
	})
	c := b.dial()
	beat := ask[*kmsg.ConsumerGroupHeartbeatResponse](c, 1, joinRequest("g", "a", "t"))
	if code := protocol.ErrorCode(beat.ErrorCode); code != protocol.UnsupportedVersion {
		t.Errorf("heartbeat: %s", code)
	}
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = []string{"g", "h"}
	groups := ask[*kmsg.ConsumerGroupDescribeResponse](c, 1, req).Groups
	if len(groups) != 2 || groups[1].Group != "h" || protocol.ErrorCode(groups[1].ErrorCode) != protocol.UnsupportedVersion {
		t.Errorf("describe: %+v", groups)
	}
}
