package coordinator

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestBeatBounds: what one member may say has an end.
func TestBeatBounds(t *testing.T) {
	t.Parallel()
	config := DefaultConfig()
	for name, change := range map[string]func(*kmsg.ConsumerGroupHeartbeatRequest){
		"topics": func(req *kmsg.ConsumerGroupHeartbeatRequest) {
			req.Topics = make([]kmsg.ConsumerGroupHeartbeatRequestTopic, ownedTopics+1)
		},
		"partitions": func(req *kmsg.ConsumerGroupHeartbeatRequest) {
			req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{Partitions: make([]int32, ownedMax+1)}}
		},
		"names": func(req *kmsg.ConsumerGroupHeartbeatRequest) {
			req.SubscribedTopicNames = make([]string, topicNamesMax+1)
		},
		"a name": func(req *kmsg.ConsumerGroupHeartbeatRequest) {
			req.SubscribedTopicNames = []string{string(make([]byte, stringMax+1))}
		},
	} {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, "g", "m", 1
		b := &beat{req: req}
		if err := b.check(&config); err != nil {
			t.Errorf("%s: %v before", name, err)
		}
		change(req)
		if err := b.check(&config); err == nil || err.Code != protocol.InvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBeatWords: a client library may look for Kafka's words.
func TestBeatWords(t *testing.T) {
	t.Parallel()
	config := DefaultConfig()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.RebalanceTimeoutMillis = 1, "g", "m", 1
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	err := (&beat{req: req}).check(&config)
	if want := "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."; err == nil || err.Message != want {
		t.Errorf("%v", err)
	}
}
