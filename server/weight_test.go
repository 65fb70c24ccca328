package server_test

import (
	"runtime"
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
	configs := kmsg.NewPtrDescribeConfigsRequest()
	configs.SetVersion(3)
	configs.IncludeSynonyms, configs.IncludeDocumentation = true, true
	offsets := kmsg.NewPtrListOffsetsRequest()
	offsets.SetVersion(5)
	b.meta.Image().Topics(func(topic *cluster.Topic) bool {
		name := topic.Name
		if len(configs.Resources) < 200 {
			configs.Resources = append(configs.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: 2, ResourceName: name})
		}
		offsets.Topics = append(offsets.Topics, kmsg.ListOffsetsRequestTopic{
			Topic: name, Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: -1}},
		})
		return true
	})
	sizes := kmsg.NewPtrDescribeLogDirsRequest()
	sizes.SetVersion(1)
	sizes.Topics = nil
	for name, req := range map[string]kmsg.Request{
		"Metadata": allTopicsRequest(), "DescribeConfigs": configs, "ListOffsets": offsets, "DescribeLogDirs": sizes,
	} {
		mustFrame(t, c, req)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		body := mustFrame(t, c, req)
		runtime.ReadMemStats(&after)
		took := int(after.TotalAlloc-before.TotalAlloc) - len(body) // the test's own copy
		if weight := server.Weigh(b.server, req); took > 3*weight || weight > 3*took {
			t.Errorf("%s took %d bytes, reckoned with %d; the answer has %d", name, took, weight, len(body))
		} else {
			t.Logf("%s took %d bytes, reckoned with %d; the answer has %d", name, took, weight, len(body))
		}
	}
}
