package server_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAskedTwice: what a request asks again and again is answered once, so
// that an answer cannot be thousands of times its request.
func TestAskedTwice(t *testing.T) {
	c := startBroker(t, options{}).dial()
	id := c.createTopic("t", 3)
	const times = 50

	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr("t")}, {Topic: kmsg.StringPtr("t")}}
	for range times {
		metadata.Topics = append(metadata.Topics, kmsg.MetadataRequestTopic{TopicID: id})
	}
	if got := ask[*kmsg.MetadataResponse](c, 12, metadata).Topics; len(got) != 2 || len(got[1].Partitions) != 3 {
		t.Errorf("Metadata by name and by id: %d topics", len(got))
	}

	configs := kmsg.NewPtrDescribeConfigsRequest()
	groups := kmsg.NewPtrDescribeGroupsRequest()
	for range times {
		configs.Resources = append(configs.Resources,
			kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t"},
			kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "1"})
		groups.Groups = append(groups.Groups, "g", "h")
	}
	if got := ask[*kmsg.DescribeConfigsResponse](c, 4, configs).Resources; len(got) != 2 || len(got[1].Configs) == 0 {
		t.Errorf("DescribeConfigs: %d resources", len(got))
	}
	if got := ask[*kmsg.DescribeGroupsResponse](c, 5, groups).Groups; len(got) != 2 || got[1].Group != "h" {
		t.Errorf("DescribeGroups: %d groups", len(got))
	}

	dirs := kmsg.NewPtrDescribeLogDirsRequest()
	asked := kmsg.DescribeLogDirsRequestTopic{Topic: "t", Partitions: []int32{2, 0, 2, 7, 0}}
	dirs.Topics = []kmsg.DescribeLogDirsRequestTopic{asked, asked}
	got := ask[*kmsg.DescribeLogDirsResponse](c, 4, dirs).Dirs[0].Topics
	if len(got) != 1 || len(got[0].Partitions) != 2 || got[0].Partitions[1].Partition != 2 {
		t.Errorf("DescribeLogDirs: %+v", got)
	}

	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID = "x"
	add.ProducerID = c.initID("x").ProducerID
	add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "t", Partitions: []int32{2, 0, 2, 0, 0}}}
	added := ask[*kmsg.AddPartitionsToTxnResponse](c, 3, add).Topics[0].Partitions
	if len(added) != 2 || added[0].ErrorCode != 0 || added[1].Partition != 2 || added[1].ErrorCode != 0 {
		t.Errorf("AddPartitionsToTxn: %+v", added)
	}
}

// TestOffsetsAskedTwice: the same for committed offsets, over a topic that is
// named twice for the sake of different partitions.
func TestOffsetsAskedTwice(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 3)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find)

	old := kmsg.NewPtrOffsetFetchRequest()
	old.Group = "g"
	old.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0, 0, 1}}, {Topic: "t", Partitions: []int32{1, 2}}}
	count := 0
	for _, topic := range ask[*kmsg.OffsetFetchResponse](c, 7, old).Topics {
		count += len(topic.Partitions)
	}
	if count != 3 {
		t.Errorf("version 7: %d partitions, want 3", count)
	}

	req := kmsg.NewPtrOffsetFetchRequest()
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = "g"
	group.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", Partitions: []int32{0, 0, 1}}, {Topic: "t", Partitions: []int32{1, 2}}}
	req.Groups = []kmsg.OffsetFetchRequestGroup{group, group}
	groups := ask[*kmsg.OffsetFetchResponse](c, 8, req).Groups
	if len(groups) != 1 {
		t.Fatalf("version 8: %d groups, want 1", len(groups))
	}
	count = 0
	for _, topic := range groups[0].Topics {
		count += len(topic.Partitions)
	}
	if count != 3 {
		t.Errorf("version 8: %d partitions, want 3", count)
	}
}
