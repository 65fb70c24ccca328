package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// TestConsumerGroupSeen: operators see of a consumer group what they see of a
// classic one, and whom its members wait for; it is reset and deleted as any.
func TestConsumerGroupSeen(t *testing.T) {
	wall := clock.NewManual(clock.Real{}.Now())
	b := startBroker(t, options{clock: wall})
	c := b.dial()
	topic := c.createTopic("t", 4)
	c.produce("t", 0, "a", "b", "c")
	c.coordinate("g")
	collector := b.server.GroupCollector()
	wall.Advance(time.Second)
	first := c.beat(joinRequest("g", "m1", "t"))
	c.commitAs(t, "m1", first.MemberEpoch, 0)
	join := joinRequest("g", "m2")
	pattern, instance, rack := "t|u", "i", "r"
	join.SubscribedTopicNames, join.SubscribedTopicRegex, join.InstanceID, join.RackID = []string{}, &pattern, &instance, &rack
	c.beat(join)

	var d server.GroupDetail
	b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusOK, &d)
	head := fmt.Sprint(d.Type, d.State, d.ProtocolType, d.Protocol, d.Generation, d.AssignmentEpoch, d.Members)
	if want := fmt.Sprint("consumer", "Reconciling", "consumer", "uniform", 2, 2, 2); head != want {
		t.Errorf("%s, want %s", head, want)
	}
	topics := func(partitions ...int32) []server.AssignedTopic {
		return []server.AssignedTopic{{Topic: "t", Partitions: partitions}}
	}
	m1, m2 := &server.GroupConsumer{
		Protocol: "consumer", Epoch: 1, State: "behind", Target: topics(0, 1), Revoking: []server.AssignedTopic{},
	}, &server.GroupConsumer{
		Protocol: "consumer", Epoch: 2, State: "waiting", Rack: "r", Pattern: "t|u", Target: topics(2, 3), Revoking: []server.AssignedTopic{},
	}
	for i, want := range []*server.GroupConsumer{m1, m2} {
		if diff := cmp.Diff(want, d.MemberList[i].GroupConsumer); diff != "" {
			t.Errorf("member %d (-want +got):\n%s", i+1, diff)
		}
	}
	if got := d.MemberList[0]; !slices.Equal(got.Assignment[0].Partitions, []int32{0, 1, 2, 3}) || got.Heard.IsZero() || got.SessionTimeout != 45 {
		t.Errorf("%+v", got)
	}
	if got := d.MemberList[1]; got.Instance != "i" || !slices.Equal(got.Subscription, []string{"t"}) || len(got.Assignment) != 0 {
		t.Errorf("%+v", got)
	}

	// The first one owns what it is to give up.
	keeps := beatOf("g", "m1", 1)
	keeps.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: topic, Partitions: []int32{0, 1, 2, 3}}}
	c.beat(keeps)
	wall.Advance(7 * time.Second)
	var why server.GroupWhy
	b.apiAsk("GET", "/api/v1/groups/g/why", "", http.StatusOK, &why)
	text := why.Summary
	for _, r := range why.Reasons {
		text += "\n" + r.Kind + " " + r.Member + ": " + r.Text
	}
	if diff := cmp.Diff(`rebalancing for 7 s: 2 of 2 members have yet to come to epoch 2
revoke m1: has to give up 2 partitions (t 2-3) for 7 s and has not said that it did; last heard of 7 s ago; out in 23 s. It does with its next poll: is it busy with what it polled last (max.poll.interval.ms)?
holder m2: waits for 2 partitions (t 2-3), which test at 127.0.0.1 (member m1) holds; that is out in 23 s`, text); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var e server.APIError
	b.apiAsk("POST", "/api/v1/groups/g/reset", `{"to":"earliest"}`, http.StatusConflict, &e)
	if !strings.Contains(e.Message, "2 members") {
		t.Errorf("%+v", e)
	}
	b.apiAsk("DELETE", "/api/v1/groups/g", "", http.StatusConflict, &e)

	keeps.Topics[0].Partitions = []int32{0, 1}
	c.beat(keeps)
	second := beatOf("g", "m2", 2)
	second.InstanceID = &instance
	c.beat(second)
	scraped := scrape(t, collector)
	for _, line := range []string{
		`kafka_consumergroup_members{consumergroup="g"} 2`, `client_id="test",cluster_name="` + b.meta.Image().ClusterID + `",consumer_id="m1",group="g",member_host="/127.0.0.1",partition="1"`,
		`mainstem_groups{kind="consumer",state="Stable"} 1`, `mainstem_group_rebalances_total 2`,
	} {
		if !strings.Contains(scraped, line) {
			t.Errorf("missing: %s", line)
		}
	}
	b.apiAsk("GET", "/api/v1/groups/g/why", "", http.StatusOK, &why)
	if why.Summary != "stable for 0 ms with 2 members in epoch 2: nothing stands in its way" {
		t.Errorf("%+v", why)
	}
	for _, leave := range []*kmsg.ConsumerGroupHeartbeatRequest{beatOf("g", "m1", -1), second} {
		leave.MemberEpoch = -1
		c.beat(leave)
	}
	var plan server.ResetPlan
	var gone map[string]any
	b.apiAsk("POST", "/api/v1/groups/g/reset", `{"to":"earliest","topics":["t"]}`, http.StatusOK, &plan)
	if got := b.committed("g"); got != "t-0=0 t-1=0 t-2=0 t-3=0 " {
		t.Errorf("committed: %s", got)
	}
	b.apiAsk("DELETE", "/api/v1/groups/g", "", http.StatusOK, &gone)
	b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusNotFound, &e)
}

// TestWhyConsumers: what the members of a consumer group wait for, in words.
func TestWhyConsumers(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	member := func(id, state string, heard int) coordinator.MemberView {
		m := consumer(now, id, heard)
		m.Consumer = &coordinator.ConsumerView{State: state}
		return m
	}
	two := []coordinator.AssignedTopic{{Topic: "t", Partitions: []int32{1, 2}}}
	many := []coordinator.AssignedTopic{
		{Topic: "a", Partitions: []int32{0}}, {Topic: "b", Partitions: []int32{0, 2}}, {Topic: "c d", Partitions: []int32{1}}, {Topic: "e", Partitions: []int32{3}},
	}
	in := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name string
		view coordinator.GroupView
		want string
	}{
		{"a pause", coordinator.GroupView{
			State: "Assigning", Since: in(-2), Generation: 7, AssignmentEpoch: 6, Members: []coordinator.MemberView{member("a", "stable", 1)},
			Blockers: []coordinator.Blocker{{Kind: coordinator.BlockedByPause, Until: in(3)}},
		}, `rebalancing for 2 s: 1 member, epoch 7 waits for its assignment
assign : the members changed, and the next assignment is made in 3 s at the latest: where many come or go it comes after a pause`},
		{"all there is", coordinator.GroupView{
			State: "Reconciling", Since: in(-2), Generation: 7, AssignmentEpoch: 7,
			Members: []coordinator.MemberView{
				member("a", "revoking", 1), member("b", "waiting", 1), member("c", "behind", 2), static(member("d", "away", 3), "node 1"), member("e", "stable", 1),
			},
			Blockers: []coordinator.Blocker{
				{Kind: coordinator.BlockedByRevoke, Member: "a", Until: in(20), Partitions: many},
				{Kind: coordinator.BlockedByBeat, Member: "b", Until: in(30), Partitions: two},
				{Kind: coordinator.BlockedByHolder, Member: "b", Holder: "gone", Until: in(20), Partitions: two},
				{Kind: coordinator.BlockedByBeat, Member: "c", Until: in(8)},
				{Kind: coordinator.BlockedByBeat, Member: "d", Until: in(7)},
			},
		}, `rebalancing for 2 s: 4 of 5 members have yet to come to epoch 7
revoke a: has to give up 5 partitions (a 0; b 0,2; "c d" 1; ...) and has not said that it did; last heard of 1 s ago; out in 20 s at the latest, in 9 s unless it is heard of. It does with its next poll: is it busy with what it polled last (max.poll.interval.ms)?
heartbeat b: gets 2 partitions (t 1-2) with its next heartbeat; last heard of 1 s ago; out in 30 s at the latest, in 9 s unless it is heard of
holder b: waits for 2 partitions (t 1-2), which the member gone holds; that is out in 20 s
heartbeat c: has not come since there is a new assignment; last heard of 2 s ago; out in 8 s
heartbeat d: a static member that left ("node 1") and may come back: nobody gets its partitions until then; out in 7 s`},
	} {
		got := server.Explain(&c.view, server.RewindInShort{}, nil, func(string) int { return 2 }, nil, time.Hour, now)
		text := got.Summary
		for _, r := range got.Reasons {
			text += "\n" + r.Kind + " " + r.Member + ": " + r.Text
		}
		if d := cmp.Diff(c.want, text); d != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, d)
		}
	}
}

// TestBroadcastOfConsumersSeen: what operators see of a broadcast group whose
// member uses the consumer protocol, from before it came.
func TestBroadcastOfConsumersSeen(t *testing.T) {
	wall := clock.NewManual(clock.Real{}.Now())
	b := startBroker(t, options{clock: wall})
	c := b.dial()
	c.createTopic("t", 2)
	c.produce("t", 1, "a", "b", "c", "d", "e", "f", "g", "h", "i")
	c.coordinate("g")
	c.commit("g", "t", 1, 2)
	broadcast := "broadcast"
	if code := c.setGroup("g", cluster.ConsumeModeKey, &broadcast); code != protocol.NoError {
		t.Fatal(code)
	}
	modes := func() string {
		var list server.GroupList
		b.apiAsk("GET", "/api/v1/groups", "", http.StatusOK, &list)
		text := ""
		for _, g := range list.Groups {
			var d server.GroupDetail
			b.apiAsk("GET", "/api/v1/groups/"+strings.ReplaceAll(g.Group, "#", "%23"), "", http.StatusOK, &d)
			text += g.Group + "=" + g.Mode + "," + d.Mode + " "
		}
		return text
	}
	if got := modes(); got != "g=broadcast,broadcast " {
		t.Errorf("nobody was in it yet: %s", got)
	}
	first := c.beat(joinRequest("g", "m1", "t"))
	c.commitAs(t, "m1", first.MemberEpoch, 0)
	if got := modes(); got != "g=broadcast,broadcast g::member::c:test@127.0.0.1#0=member,member " {
		t.Errorf("a member is in it: %s", got)
	}
	for range 3 {
		wall.Advance(30 * time.Second)
		c.beat(beatOf("g", "m1", first.MemberEpoch))
	}
	var why server.GroupWhy
	b.apiAsk("GET", "/api/v1/groups/g/why", "", http.StatusOK, &why)
	if want := "stable for 1 min 30 s with 1 member"; why.Summary != want || len(why.Reasons) != 1 || why.Reasons[0].Kind != "stuck" ||
		why.Reasons[0].Member != "m1" || !strings.HasPrefix(why.Reasons[0].Text, "t-1: 2 records behind") {
		t.Errorf("%+v", why)
	}
}
