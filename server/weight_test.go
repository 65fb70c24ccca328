package server_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/server"
)

// TestWeights: what large answers are reckoned with is about what making them
// takes, buffers that grow included: not much less, or the budget would not
// hold, and not far more, or few clients would fill it.
func TestWeights(t *testing.T) {
	const topics = 3000
	b := startBroker(t, options{})
	c := b.dial()
	c.createMany(topics)
	var names []string
	b.meta.Image().Topics(func(topic *cluster.Topic) bool {
		names = append(names, topic.Name)
		return true
	})
	c.commitMany(names)
	for name, req := range largeRequests(t, names) {
		mustFrame(t, c, req)
		frame := c.frame(req) // what the test itself takes does not count
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.conn.Write(frame)
		must(t, err)
		body, err := c.receiveBytes()
		must(t, err)
		runtime.ReadMemStats(&after)
		took := int(after.TotalAlloc-before.TotalAlloc) - len(body) // the test's own copy
		if weight := server.Weigh(b.server, req); took > 3*weight || weight > 3*took {
			t.Errorf("%s took %d bytes, reckoned with %d; the answer has %d", name, took, weight, len(body))
		} else {
			t.Logf("%s took %d bytes, reckoned with %d; the answer has %d", name, took, weight, len(body))
		}
	}
}

// commitMany makes groups: one with an offset in each topic, and many with one.
func (c *client) commitMany(topics []string) {
	c.tb.Helper()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find)
	commit := func(group string, topics []string) {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group, req.Generation = group, -1
		for _, name := range topics {
			req.Topics = append(req.Topics, kmsg.OffsetCommitRequestTopic{
				Topic: name, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 5}},
			})
		}
		for { // Until the coordinator has loaded.
			resp := ask[*kmsg.OffsetCommitResponse](c, 7, req)
			if resp.Topics[0].Partitions[0].ErrorCode == 0 {
				return
			}
		}
	}
	commit("g", topics)
	for i := range 400 {
		commit(fmt.Sprintf("%0100d", i), topics[:1])
	}
}

// largeRequests are of the APIs whose answers may be large.
func largeRequests(t *testing.T, topics []string) map[string]kmsg.Request {
	configs := kmsg.NewPtrDescribeConfigsRequest()
	configs.SetVersion(3)
	configs.IncludeSynonyms, configs.IncludeDocumentation = true, true
	listed := kmsg.NewPtrListOffsetsRequest()
	listed.SetVersion(5)
	produce := produceRequest(topics[0], 0, -1, nil)
	produce.SetVersion(9)
	produce.Topics = nil
	create := kmsg.NewPtrCreateTopicsRequest()
	create.SetVersion(5)
	create.ValidateOnly = true
	for i, name := range topics {
		listed.Topics = append(listed.Topics, kmsg.ListOffsetsRequestTopic{
			Topic: name, Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: -1}},
		})
		// Of topics that do not exist: what the log takes is not the answer's.
		produce.Topics = append(produce.Topics, kmsg.ProduceRequestTopic{
			Topic: "no" + name[:150], Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batchOf(t, "v")}},
		})
		if i < 200 {
			configs.Resources = append(configs.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: 2, ResourceName: name})
			create.Topics = append(create.Topics, kmsg.CreateTopicsRequestTopic{
				Topic: fmt.Sprint("new", i), NumPartitions: 1, ReplicationFactor: 1,
			})
		}
	}
	sizes := kmsg.NewPtrDescribeLogDirsRequest()
	sizes.SetVersion(1)
	sizes.Topics = nil
	offsets := kmsg.NewPtrOffsetFetchRequest()
	offsets.SetVersion(5)
	offsets.Group, offsets.Topics = "g", nil
	groups := kmsg.NewPtrListGroupsRequest()
	groups.SetVersion(2)
	commit, noted := kmsg.NewPtrOffsetCommitRequest(), kmsg.NewPtrOffsetCommitRequest()
	commit.SetVersion(7)
	noted.SetVersion(7)
	commit.Group, noted.Group = "g", "noted"
	note := strings.Repeat("n", 4000)
	for _, name := range topics {
		for _, c := range []struct {
			req      *kmsg.OffsetCommitRequest
			metadata *string
		}{{commit, nil}, {noted, &note}} {
			c.req.Topics = append(c.req.Topics, kmsg.OffsetCommitRequestTopic{
				Topic: name, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 5, Metadata: c.metadata}},
			})
		}
	}
	partitions := kmsg.NewPtrDescribeTopicPartitionsRequest()
	partitions.ResponsePartitionLimit = 2000
	resources := kmsg.NewPtrListConfigResourcesRequest()
	resources.SetVersion(1)
	producers, markers := kmsg.NewPtrDescribeProducersRequest(), kmsg.NewPtrWriteTxnMarkersRequest()
	markers.SetVersion(1)
	markers.Markers = []kmsg.WriteTxnMarkersRequestMarker{{ProducerID: 1}}
	for _, name := range topics {
		producers.Topics = append(producers.Topics, kmsg.DescribeProducersRequestTopic{Topic: name, Partitions: []int32{0}})
		markers.Markers[0].Topics = append(markers.Markers[0].Topics, kmsg.WriteTxnMarkersRequestMarkerTopic{Topic: name, Partitions: []int32{0}})
	}
	elections, moves := kmsg.NewPtrElectLeadersRequest(), kmsg.NewPtrAlterPartitionAssignmentsRequest()
	elections.SetVersion(1)
	for _, name := range topics {
		elections.Topics = append(elections.Topics, kmsg.ElectLeadersRequestTopic{Topic: name, Partitions: []int32{0, 1, 2, 3}})
		m := kmsg.AlterPartitionAssignmentsRequestTopic{Topic: name}
		for range 4 {
			m.Partitions = append(m.Partitions, kmsg.AlterPartitionAssignmentsRequestTopicPartition{Replicas: []int32{1, 1}})
		}
		moves.Topics = append(moves.Topics, m)
	}
	users, strangers := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest(), kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	for i := range 3000 {
		users.Users = append(users.Users, kmsg.DescribeUserSCRAMCredentialsRequestUser{Name: fmt.Sprint("user", i)})
	}
	for i := range 30 { // names that would grow if they were quoted
		strangers.Users = append(strangers.Users, kmsg.DescribeUserSCRAMCredentialsRequestUser{Name: strings.Repeat("\x01", 100_000+i)})
	}
	return map[string]kmsg.Request{
		"ElectLeaders": elections, "AlterPartitionReassignments": moves,
		"DescribeProducers": producers, "WriteTxnMarkers": markers,
		"Metadata": allTopicsRequest(), "DescribeConfigs": configs, "ListOffsets": listed, "DescribeLogDirs": sizes,
		"OffsetFetch": offsets, "ListGroups": groups, "CreateTopics": create, "DescribeTopicPartitions": partitions, "Produce": produce,
		"OffsetCommit": commit, "OffsetCommit with metadata": noted, "ListConfigResources": resources, "DescribeUserScramCredentials": users,
		"DescribeUserScramCredentials of long names": strangers,
	}
}
