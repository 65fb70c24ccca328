package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestCreateTopicsRefusals: every mistake has its code, and nothing is made.
func TestCreateTopicsRefusals(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("there", 1)
	value := "x"
	topic := func(name string, partitions int32, factor int16) kmsg.CreateTopicsRequestTopic {
		return kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: partitions, ReplicationFactor: factor}
	}
	config := topic("c", 1, 1)
	config.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: &value}}
	unknown := topic("u", 1, 1)
	unknown.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.mss", Value: &value}}
	null := topic("n", 1, 1)
	null.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms"}}
	assigned := topic("a", -1, -1)
	assigned.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{7}}}
	gap := topic("gap", -1, -1)
	gap.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 1, Replicas: []int32{1}}}
	both := topic("both", 1, 1)
	both.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{1}}}
	for _, tc := range []struct {
		topic kmsg.CreateTopicsRequestTopic
		code  protocol.ErrorCode
		words string
	}{
		{topic("there", 1, 1), protocol.TopicAlreadyExists, "there"},
		{topic("", 1, 1), protocol.InvalidTopicException, "empty"},
		{topic("a b", 1, 1), protocol.InvalidTopicException, "a b"},
		{topic("__consumer_offsets", 1, 1), protocol.InvalidTopicException, "broker's own"},
		{topic("p", 0, 1), protocol.InvalidPartitions, "0"},
		{topic("p", -2, 1), protocol.InvalidPartitions, "-2"},
		{topic("p", 1<<30, 1), protocol.InvalidPartitions, "100000"},
		{topic("r", 1, 3), protocol.InvalidReplicationFactor, "3"},
		{topic("r", 1, 0), protocol.InvalidReplicationFactor, "0"},
		{config, protocol.InvalidConfig, "retention.ms"},
		{unknown, protocol.InvalidConfig, "retention.mss"},
		{null, protocol.InvalidConfig, "null"},
		{assigned, protocol.InvalidReplicaAssignment, "broker 7"},
		{gap, protocol.InvalidReplicaAssignment, "each once"},
		{both, protocol.InvalidRequest, "either"},
	} {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.Topics = []kmsg.CreateTopicsRequestTopic{tc.topic}
		got := ask[*kmsg.CreateTopicsResponse](c, 7, req).Topics[0]
		if protocol.ErrorCode(got.ErrorCode) != tc.code || got.ErrorMessage == nil || !strings.Contains(*got.ErrorMessage, tc.words) {
			t.Errorf("%q: %s %v, expected %s and %q", tc.topic.Topic, protocol.ErrorCode(got.ErrorCode), got.ErrorMessage, tc.code, tc.words)
		}
	}
	if d := cmp.Diff([]string{"there"}, c.topics()); d != "" {
		t.Error(d)
	}
}

// topics lists the names of all topics.
func (c *client) topics() []string {
	c.tb.Helper()
	var names []string
	for _, t := range ask[*kmsg.MetadataResponse](c, 12, kmsg.NewPtrMetadataRequest()).Topics {
		names = append(names, *t.Topic)
	}
	return names
}

// TestCreateTopicsAnswer: configs are filled, defaults apply, and a request
// that only validates makes nothing.
func TestCreateTopicsAnswer(t *testing.T) {
	c := startBroker(t, options{static: map[string]string{"num.partitions": "4"}}).dial()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.ValidateOnly = true
	req.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "t", NumPartitions: -1, ReplicationFactor: -1}}
	got := ask[*kmsg.CreateTopicsResponse](c, 7, req).Topics[0]
	if got.ErrorCode != 0 || got.NumPartitions != 4 || got.ReplicationFactor != 1 || len(got.Configs) < 30 || got.TopicID != [16]byte{} {
		t.Errorf("%d: %d partitions, factor %d, %d configs, id %v", got.ErrorCode, got.NumPartitions, got.ReplicationFactor, len(got.Configs), got.TopicID)
	}
	if len(c.topics()) != 0 {
		t.Error("a topic was made")
	}
}

// TestCreateTopicsOldDefaults: older versions may ask for the defaults too, as Kafka has
// it: KafkaJS does by version 3.
func TestCreateTopicsOldDefaults(t *testing.T) {
	c := startBroker(t, options{static: map[string]string{"num.partitions": "4"}}).dial()
	for _, version := range []int16{2, 3} {
		req := kmsg.NewPtrCreateTopicsRequest()
		name := fmt.Sprint("v", version)
		req.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: name, NumPartitions: -1, ReplicationFactor: -1}}
		if got := ask[*kmsg.CreateTopicsResponse](c, version, req).Topics[0]; got.ErrorCode != 0 {
			t.Errorf("%s: %s", name, protocol.ErrorCode(got.ErrorCode))
		}
		if n := len(c.metadataOf(name)); n != 4 {
			t.Errorf("%s: %d partitions", name, n)
		}
	}
}

// metadataOf are the partitions of a topic.
func (c *client) metadataOf(name string) []kmsg.MetadataResponseTopicPartition {
	c.tb.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	return ask[*kmsg.MetadataResponse](c, 12, req).Topics[0].Partitions
}

// TestMetadataLists: null, empty and named lists, creation, ids.
func TestMetadataLists(t *testing.T) {
	c := startBroker(t, options{}).dial()
	id := c.createTopic("t", 2)
	all := func(version int16, topics []kmsg.MetadataRequestTopic) int {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = topics
		return len(ask[*kmsg.MetadataResponse](c, version, req).Topics)
	}
	empty := []kmsg.MetadataRequestTopic{}
	if got := []int{all(0, empty), all(1, empty), all(1, nil), all(12, empty), all(12, nil)}; !slices.Equal(got, []int{1, 0, 1, 0, 1}) {
		t.Errorf("lists: %v", got)
	}
	one := func(version int16, topic kmsg.MetadataRequestTopic, create bool) kmsg.MetadataResponseTopic {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics, req.AllowAutoTopicCreation, req.IncludeTopicAuthorizedOperations = []kmsg.MetadataRequestTopic{topic}, create, version >= 8
		return ask[*kmsg.MetadataResponse](c, version, req).Topics[0]
	}
	named := func(s string) kmsg.MetadataRequestTopic { return kmsg.MetadataRequestTopic{Topic: &s} }
	if got := one(12, named("new"), false); got.ErrorCode != int16(protocol.UnknownTopicOrPartition) {
		t.Errorf("without creation: %d", got.ErrorCode)
	}
	if got := one(12, named("bad name"), true); got.ErrorCode != int16(protocol.InvalidTopicException) {
		t.Errorf("bad name: %d", got.ErrorCode)
	}
	if got := one(12, named("new"), true); got.ErrorCode != 0 || len(got.Partitions) != 1 || got.AuthorizedOperations != 3576 {
		t.Errorf("creation: %+v", got)
	}
	if got := one(12, kmsg.MetadataRequestTopic{TopicID: id}, false); got.ErrorCode != 0 || *got.Topic != "t" || len(got.Partitions) != 2 {
		t.Errorf("by id: %+v", got)
	}
	if got := one(13, kmsg.MetadataRequestTopic{Topic: new(string), TopicID: id}, false); got.ErrorCode != 0 || *got.Topic != "t" {
		t.Errorf("by id and with an empty name, as Java asks: %+v", got)
	}
	if got := one(12, kmsg.MetadataRequestTopic{TopicID: [16]byte{9}}, false); got.ErrorCode != int16(protocol.UnknownTopicID) {
		t.Errorf("by unknown id: %+v", got)
	}
}

// TestConfigs: what is altered is described, with its source, and a change
// that only validates or is wrong changes nothing.
func TestConfigs(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 1)
	describe := func() kmsg.DescribeConfigsResponseResourceConfig {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.IncludeDocumentation, req.IncludeSynonyms = true, true
		req.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: 2, ResourceName: "t", ConfigNames: []string{"retention.ms"}}}
		return ask[*kmsg.DescribeConfigsResponse](c, 4, req).Resources[0].Configs[0]
	}
	alter := func(value string, validate bool) int16 {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		req.ValidateOnly = validate
		req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
			ResourceType: 2, ResourceName: "t",
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &value}},
		}}
		return ask[*kmsg.IncrementalAlterConfigsResponse](c, 1, req).Resources[0].ErrorCode
	}
	if d := describe(); *d.Value != "604800000" || d.Source != 5 || d.Documentation == nil || d.ConfigType != 5 {
		t.Errorf("default: %+v", d)
	}
	if code := alter("nonsense", false); code != int16(protocol.InvalidConfig) {
		t.Errorf("nonsense: %d", code)
	}
	if code := alter("1000", true); code != 0 || *describe().Value != "604800000" {
		t.Errorf("validate only: %d, %s", code, *describe().Value)
	}
	if code := alter("1000", false); code != 0 || *describe().Value != "1000" || describe().Source != 1 {
		t.Errorf("altered: %d, %+v", code, describe())
	}
	replace := kmsg.NewPtrAlterConfigsRequest()
	replace.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: 2, ResourceName: "t"}}
	if got := ask[*kmsg.AlterConfigsResponse](c, 1, replace).Resources[0].ErrorCode; got != 0 || *describe().Value != "604800000" {
		t.Errorf("replaced: %d, %s", got, *describe().Value)
	}
}

// TestDescribeTopicPartitionsCursor: an answer ends at the limit and goes on
// at the cursor.
func TestDescribeTopicPartitionsCursor(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("a", 3)
	c.createTopic("b", 3)
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = 2
	var got []string
	for range 4 {
		resp := ask[*kmsg.DescribeTopicPartitionsResponse](c, 0, req)
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				got = append(got, *topic.Topic+fmt.Sprint(p.Partition))
			}
		}
		if resp.NextCursor == nil {
			break
		}
		got = append(got, "|")
		req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: resp.NextCursor.Topic, Partition: resp.NextCursor.Partition}
	}
	if d := cmp.Diff("a0 a1 | a2 b0 | b1 b2", strings.Join(got, " ")); d != "" {
		t.Error(d)
	}
}

// TestDescribeTopicPartitionsRefusals: a cursor counts for its own topic alone, be that
// there or not, and one that can not be is refused to each topic that is named.
func TestDescribeTopicPartitionsRefusals(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("a", 2)
	c.createTopic("c", 2)
	for _, want := range []struct {
		topics    []string
		cursor    string
		partition int32
		answer    string
	}{
		{[]string{"a", "b", "c"}, "b", 1, "b:UNKNOWN_TOPIC_OR_PARTITION c:NONE:01"},
		{[]string{"a", "c", "a"}, "a", 1, "a:NONE:1 c:NONE:01"},
		{[]string{"a", "c"}, "z", 0, "a:INVALID_REQUEST c:INVALID_REQUEST"},
		{[]string{"a", "c"}, "a", -1, "a:INVALID_REQUEST c:INVALID_REQUEST"},
		{nil, "a", -1, ""},
		{nil, "b", 1, "c:NONE:01"},
	} {
		req := kmsg.NewPtrDescribeTopicPartitionsRequest()
		for _, name := range want.topics {
			req.Topics = append(req.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
		}
		req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: want.cursor, Partition: want.partition}
		var got []string
		for _, topic := range ask[*kmsg.DescribeTopicPartitionsResponse](c, 0, req).Topics {
			text := *topic.Topic + ":" + protocol.ErrorCode(topic.ErrorCode).String()
			if len(topic.Partitions) > 0 {
				text += ":"
			}
			for _, p := range topic.Partitions {
				text += fmt.Sprint(p.Partition)
			}
			got = append(got, text)
		}
		if d := cmp.Diff(want.answer, strings.Join(got, " ")); d != "" {
			t.Errorf("%v at %s/%d: %s", want.topics, want.cursor, want.partition, d)
		}
	}
}

// TestDescribeLogDirsNames: a topic that is named twice is one, and one of which no
// partition is wanted is none.
func TestDescribeLogDirsNames(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("a", 3)
	c.createTopic("b", 1)
	req := kmsg.NewPtrDescribeLogDirsRequest()
	req.Topics = []kmsg.DescribeLogDirsRequestTopic{
		{Topic: "a", Partitions: []int32{2}}, {Topic: "b"}, {Topic: "none", Partitions: []int32{0}}, {Topic: "a", Partitions: []int32{0, 2, 7}},
	}
	var got []string
	for _, topic := range ask[*kmsg.DescribeLogDirsResponse](c, 4, req).Dirs[0].Topics {
		for _, p := range topic.Partitions {
			got = append(got, topic.Topic+fmt.Sprint(p.Partition))
		}
	}
	if d := cmp.Diff([]string{"a0", "a2"}, got); d != "" {
		t.Error(d)
	}
}

// TestDescribeClusterEndpoints: there are brokers to describe, and nothing else.
func TestDescribeClusterEndpoints(t *testing.T) {
	c := startBroker(t, options{}).dial()
	for kind, want := range map[int8]protocol.ErrorCode{1: protocol.NoError, 2: protocol.MismatchedEndpointType, 3: protocol.UnsupportedEndpointType} {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.EndpointType = kind
		if got := protocol.ErrorCode(ask[*kmsg.DescribeClusterResponse](c, 1, req).ErrorCode); got != want {
			t.Errorf("endpoint type %d: %s, want %s", kind, got, want)
		}
	}
}

// TestGrowAndTrim: more partitions, DeleteRecords, sizes.
func TestGrowAndTrim(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 1)
	grow := func(count int32) int16 {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "t", Count: count}}
		return ask[*kmsg.CreatePartitionsResponse](c, 3, req).Topics[0].ErrorCode
	}
	if got := []int16{grow(1), grow(3), grow(2)}; !slices.Equal(got, []int16{37, 0, 37}) {
		t.Errorf("grow: %v", got)
	}
	for range 5 {
		c.produce("t", 2, "v")
	}
	trim := func(before int64) kmsg.DeleteRecordsResponseTopicPartition {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.TimeoutMillis = 10_000
		req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 2, Offset: before}}}}
		return ask[*kmsg.DeleteRecordsResponse](c, 2, req).Topics[0].Partitions[0]
	}
	if p := trim(3); p.ErrorCode != 0 || p.LowWatermark != 3 {
		t.Errorf("trim: %+v", p)
	}
	if p := trim(99); p.ErrorCode != int16(protocol.OffsetOutOfRange) || p.LowWatermark != -1 {
		t.Errorf("trim beyond the end: %+v", p)
	}
	list := kmsg.NewPtrListOffsetsRequest()
	for _, at := range []int64{-1, -2} {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = 2, at
		list.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "t", Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
		want := map[int64]int64{-1: 5, -2: 3}[at]
		if got := ask[*kmsg.ListOffsetsResponse](c, 7, list).Topics[0].Partitions[0]; got.ErrorCode != 0 || got.Offset != want {
			t.Errorf("offset at %d: %+v, expected %d", at, got, want)
		}
	}
	dirs := ask[*kmsg.DescribeLogDirsResponse](c, 4, kmsg.NewPtrDescribeLogDirsRequest())
	if d := dirs.Dirs[0]; d.TotalBytes != 1<<31 || len(d.Topics) != 1 || len(d.Topics[0].Partitions) != 3 || d.Topics[0].Partitions[2].Size == 0 {
		t.Errorf("log dirs: %+v", d)
	}
}

// TestCommitsOfDeletedTopics: offsets go with their topic.
func TestCommitsOfDeletedTopics(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find)
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "g", -1
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = 7
	commit.Topics = []kmsg.OffsetCommitRequestTopic{
		{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}},
		{Topic: "nowhere", Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}},
	}
	codes := func() [2]int16 {
		resp := ask[*kmsg.OffsetCommitResponse](c, 7, commit)
		return [2]int16{resp.Topics[0].Partitions[0].ErrorCode, resp.Topics[1].Partitions[0].ErrorCode}
	}
	got := codes()
	for got[0] == int16(protocol.CoordinatorLoadInProgress) {
		got = codes()
	}
	if got != [2]int16{0, int16(protocol.UnknownTopicOrPartition)} {
		t.Fatalf("commit: %v", got)
	}
	committed := func() int64 {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
		for _, topic := range ask[*kmsg.OffsetFetchResponse](c, 8, req).Groups[0].Topics {
			return topic.Partitions[0].Offset
		}
		return -1
	}
	if got := committed(); got != 7 {
		t.Errorf("committed %d", got)
	}
	c.deleteTopic("t")
	for committed() != -1 { // dropped in the background
		continue
	}
}
