package coordinator

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// TestSharedNamesAreResolvedOnce: members that name the same thousands of topics,
// most of which do not exist, have one list of those that do. Each has to wait for
// the assignments of all.
func TestSharedNamesAreResolvedOnce(t *testing.T) {
	t.Parallel()
	w := newStorm(t, 100)
	names := []string{"t"}
	for i := range 1000 {
		names = append(names, fmt.Sprintf("none-%d", i))
	}
	for i := range 50 {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Version, req.Group, req.MemberID, req.RebalanceTimeoutMillis = 1, "g", fmt.Sprintf("%05d", i), 30_000
		req.SubscribedTopicNames, req.Topics = names, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		w.groups.ConsumerHeartbeat(req, Caller{ClientID: "c"}, func(r *kmsg.ConsumerGroupHeartbeatResponse) {
			if r.ErrorCode != 0 {
				t.Errorf("member %d: %s", i, beatText(r))
			}
		})
	}
	view := viewOf(Topic{Name: "t", ID: model.TopicID{1}, Partitions: 100})
	spec := w.groups.machine(0).groups["g"].consumer.spec(view, nil)
	if len(spec.Members) != 50 || len(spec.Topics) != 1 {
		t.Fatalf("%d members, %d topics", len(spec.Members), len(spec.Topics))
	}
	first := spec.Members[0].Topics
	for _, member := range spec.Members {
		if len(member.Topics) != 1 || &member.Topics[0] != &first[0] {
			t.Errorf("member %s has a list of its own: %v", member.ID, member.Topics)
		}
	}
}
