package server_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestNotices: what is stored without effect is in the log in words, and what
// is obeyed, or left at its default, is not.
func TestNotices(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("plain", 1, "cleanup.policy", "delete")
	c.deleteRecords("plain", 0, 0)
	alter := func(kind kmsg.ConfigResourceType, name, key, value string) {
		t.Helper()
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
			ResourceType: kind, ResourceName: name,
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: key, Value: &value}},
		}}
		if r := ask[*kmsg.IncrementalAlterConfigsResponse](c, 1, req).Resources[0]; r.ErrorCode != 0 {
			t.Fatalf("%s: %d %v", key, r.ErrorCode, r.ErrorMessage)
		}
	}
	alter(kmsg.ConfigResourceTypeTopic, "plain", "cleanup.policy", "compact")
	alter(kmsg.ConfigResourceTypeBroker, "", "log.cleaner.backoff.ms", "1000")
	alter(kmsg.ConfigResourceTypeTopic, "plain", "retention.ms", "1000")
	alter(kmsg.ConfigResourceTypeBroker, "", "log.cleanup.policy", "compact")
	alter(kmsg.ConfigResourceTypeBroker, "", "num.io.threads", "16")
	alter(kmsg.ConfigResourceTypeBroker, "1", "num.network.threads", "3")
	alter(kmsg.ConfigResourceTypeBroker, "", "log.retention.ms", "1000")
	del := kmsg.NewPtrDeleteTopicsRequest()
	del.TopicNames = []string{"plain", "none"}
	ask[*kmsg.DeleteTopicsResponse](c, 5, del)
	unknown := kmsg.NewPtrMetadataRequest()
	unknown.AllowAutoTopicCreation = true
	name := "asked-for"
	unknown.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	ask[*kmsg.MetadataResponse](c, 9, unknown)
	grow := kmsg.NewPtrCreatePartitionsRequest()
	grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: name, Count: 3}, {Topic: name + "-not", Count: 3}}
	ask[*kmsg.CreatePartitionsResponse](c, 3, grow)
	for what, want := range map[string]int{
		"topic created": 1, "topic created as it was asked for": 1, "partitions created": 1, "configs altered": 7, "deletion of records asked for": 1, "topic deleted": 1,
	} {
		lines := b.logs.FilterMessage(what).All()
		if len(lines) != want {
			t.Errorf("%s: %d lines, want %d", what, len(lines), want)
			continue
		}
		if by := lines[0].ContextMap(); by["host"] != "127.0.0.1" || by["client"] == nil {
			t.Errorf("%s: %v", what, by)
		}
	}
	for text, want := range map[string]int{
		"the setting num.io.threads has no effect in Mainstem": 1,
		"has no effect": 1,
		"compact":       0,
	} {
		if got := b.logs.FilterMessageSnippet(text).Len(); got != want {
			t.Errorf("%q: %d lines, want %d", text, got, want)
		}
	}
}
