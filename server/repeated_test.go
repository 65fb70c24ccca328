package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestNamedTwice: what a request names twice is refused in one row, and
// nothing happens to it.
func TestNamedTwice(t *testing.T) {
	c := startBroker(t, options{}).dial()
	id := c.createTopic("t", 1)
	name, refused := "t", int16(protocol.InvalidRequest)

	fresh := kmsg.CreateTopicsRequestTopic{Topic: "fresh", NumPartitions: 1, ReplicationFactor: 1}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = []kmsg.CreateTopicsRequestTopic{fresh, {Topic: "single", NumPartitions: 1, ReplicationFactor: 1}, fresh}
	created := map[string]int16{}
	rows := ask[*kmsg.CreateTopicsResponse](c, 7, create).Topics
	for _, row := range rows {
		created[row.Topic] = row.ErrorCode
	}
	if d := cmp.Diff(map[string]int16{"fresh": refused, "single": 0}, created); d != "" || len(rows) != 2 {
		t.Errorf("CreateTopics, %d rows: %s", len(rows), d)
	}

	grow := kmsg.NewPtrCreatePartitionsRequest()
	grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: name, Count: 2}, {Topic: name, Count: 3}}
	if got := ask[*kmsg.CreatePartitionsResponse](c, 3, grow).Topics; len(got) != 1 || got[0].ErrorCode != refused {
		t.Errorf("CreatePartitions: %+v", got)
	}

	list := kmsg.NewPtrListOffsetsRequest()
	at := kmsg.ListOffsetsRequestTopicPartition{Timestamp: -1, CurrentLeaderEpoch: -1}
	list.Topics = []kmsg.ListOffsetsRequestTopic{
		{Topic: name, Partitions: []kmsg.ListOffsetsRequestTopicPartition{at}},
		{Topic: name, Partitions: []kmsg.ListOffsetsRequestTopicPartition{at}},
	}
	listed := ask[*kmsg.ListOffsetsResponse](c, 7, list).Topics
	if len(listed) != 1 || len(listed[0].Partitions) != 1 || listed[0].Partitions[0].ErrorCode != refused {
		t.Errorf("ListOffsets: %+v", listed)
	}

	for what, asked := range map[string][]kmsg.DeleteTopicsRequestTopic{
		"name":        {{Topic: &name}, {Topic: &name}},
		"id":          {{TopicID: id}, {TopicID: id}},
		"name and id": {{Topic: &name, TopicID: id}},
		"neither":     {{}},
	} {
		del := kmsg.NewPtrDeleteTopicsRequest()
		del.Topics = asked
		if got := ask[*kmsg.DeleteTopicsResponse](c, 6, del).Topics; len(got) != 1 || got[0].ErrorCode != refused {
			t.Errorf("DeleteTopics by %s: %+v", what, got)
		}
	}

	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, name
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Resources = []kmsg.IncrementalAlterConfigsRequestResource{resource, resource}
	for _, row := range ask[*kmsg.IncrementalAlterConfigsResponse](c, 1, alter).Resources {
		if row.ErrorCode != refused {
			t.Errorf("IncrementalAlterConfigs: %+v", row)
		}
	}
	old := kmsg.NewPtrAlterConfigsRequest()
	whole := kmsg.AlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name}
	old.Resources = []kmsg.AlterConfigsRequestResource{whole, whole}
	for _, row := range ask[*kmsg.AlterConfigsResponse](c, 2, old).Resources {
		if row.ErrorCode != refused {
			t.Errorf("AlterConfigs: %+v", row)
		}
	}
}

// TestUnknownPartitions: offsets are neither kept nor dropped for partitions
// that a topic does not have, and the others are not disturbed.
func TestUnknownPartitions(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 2)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find)
	unknown := int16(protocol.UnknownTopicOrPartition)

	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "g", -1
	asked := kmsg.OffsetCommitRequestTopic{Topic: "t"}
	for _, p := range []int32{7, 0, -1, 1} {
		asked.Partitions = append(asked.Partitions, kmsg.OffsetCommitRequestTopicPartition{Partition: p, Offset: 5})
	}
	commit.Topics = []kmsg.OffsetCommitRequestTopic{asked}
	var committed *kmsg.OffsetCommitResponse
	for { // Until the coordinator has loaded.
		committed = ask[*kmsg.OffsetCommitResponse](c, 8, commit)
		if committed.Topics[0].Partitions[1].ErrorCode != int16(protocol.CoordinatorLoadInProgress) {
			break
		}
	}
	var codes []int16
	for _, p := range committed.Topics[0].Partitions {
		codes = append(codes, p.ErrorCode)
	}
	if d := cmp.Diff([]int16{unknown, 0, unknown, 0}, codes); d != "" {
		t.Error("OffsetCommit:", d)
	}

	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Group = "g"
	if got := ask[*kmsg.OffsetFetchResponse](c, 7, fetch).Topics; len(got) != 1 || len(got[0].Partitions) != 2 {
		t.Errorf("OffsetFetch: %+v", got)
	}

	drop := kmsg.NewPtrOffsetDeleteRequest()
	drop.Group = "g"
	drop.Topics = []kmsg.OffsetDeleteRequestTopic{{
		Topic: "t", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 9}, {Partition: 1}},
	}}
	dropped := map[int32]int16{}
	for _, p := range ask[*kmsg.OffsetDeleteResponse](c, 0, drop).Topics[0].Partitions {
		dropped[p.Partition] = p.ErrorCode
	}
	if d := cmp.Diff(map[int32]int16{9: unknown, 1: 0}, dropped); d != "" {
		t.Error("OffsetDelete:", d)
	}
}
