package server_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/protocol"
)

// crowd makes a consumer group of so many members.
func (b *broker) crowd(group string, members int, topics ...string) {
	b.tb.Helper()
	var joined sync.WaitGroup
	for i := range members {
		req := joinRequest(group, fmt.Sprintf("member-%030d", i), topics...)
		req.SetVersion(1)
		joined.Add(1)
		b.groups.ConsumerHeartbeat(req, coordinator.Caller{ClientID: "a client of the crowd", ClientHost: "/127.0.0.1"},
			func(resp *kmsg.ConsumerGroupHeartbeatResponse) {
				defer joined.Done()
				if resp.ErrorCode != 0 {
					b.tb.Errorf("join %d: %s", i, protocol.ErrorCode(resp.ErrorCode))
				}
			})
	}
	joined.Wait()
}

// TestUnreadConsumerDescribes: a group of ten thousand can be described, and who
// asks for it again and again without reading takes little of the broker's memory.
func TestUnreadConsumerDescribes(t *testing.T) {
	const members, times = 10_000, 20
	b := startBroker(t, options{})
	c, other := b.dial(), b.dial()
	c.createTopic("t", 100)
	c.coordinate("g")
	b.crowd("g", members, "t", "another topic that is not there")
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.SetVersion(1)
	req.Groups = []string{"g"}
	for assigned := false; !assigned; { // to assign takes memory, too
		g := &ask[*kmsg.ConsumerGroupDescribeResponse](other, 1, req).Groups[0]
		assigned = g.Epoch == g.AssignmentEpoch
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	first := c.next + 1
	for range times {
		c.send(req)
	}
	held := 0.0
	for still := 0; still < 100; still++ { // no further answer is made
		advertised(other)
		if now := b.gauge("mainstem_answer_bytes"); now < members*100 || now != held {
			held, still = now, 0
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := 0
	for i := range int32(times) {
		resp, _ := c.receive(req, first+i).(*kmsg.ConsumerGroupDescribeResponse)
		if len(resp.Groups) != 1 || len(resp.Groups[0].Members) != members {
			t.Fatalf("answer %d: %d groups", i, len(resp.Groups))
		}
		size = len(resp.AppendTo(nil))
	}
	took := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("of %d answers of %d bytes %.0f bytes are held, which take %d", times, size, held, took)
	if took > int64(held*3/2) { // as structs, before they are encoded, they would take several times that
		t.Errorf("answers of %.0f bytes that nobody reads take %d", held, took)
	}
}

// TestBadConsumerHeartbeats: whatever a heartbeat says, it is answered, and the
// group's members go on.
func TestBadConsumerHeartbeats(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 2)
	c.coordinate("g")
	epoch := c.beat(joinRequest("g", "good", "t")).MemberEpoch
	type edit = func(*kmsg.ConsumerGroupHeartbeatRequest)
	ptr := func(s string) *string { return &s }
	names := func(n int, each string) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = each
		}
		return all
	}
	for name, tc := range map[string]struct {
		edit edit
		want protocol.ErrorCode
	}{
		"no group":            {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Group = "" }, protocol.InvalidRequest},
		"no member":           {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberID = "" }, protocol.InvalidRequest},
		"empty instance":      {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.InstanceID = ptr("") }, protocol.InvalidRequest},
		"epoch of nobody":     {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberEpoch = -3 }, protocol.InvalidRequest},
		"epoch of the future": {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberID, r.MemberEpoch = "good", 1<<31-1 }, protocol.FencedMemberEpoch},
		"stranger":            {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberEpoch = 1 }, protocol.UnknownMemberID},
		"stranger leaves":     {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberEpoch = -1 }, protocol.UnknownMemberID},
		"assignor":            {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = ptr("sticky") }, protocol.UnsupportedAssignor},
		"pattern":             {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicRegex = ptr("(") }, protocol.InvalidRegularExpression},
		"large id":            {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberID = strings.Repeat("m", 1<<15) }, protocol.InvalidRequest},
		"large group":         {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Group = strings.Repeat("g", 1<<15) }, protocol.InvalidRequest},
		"large pattern":       {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicRegex = ptr(strings.Repeat("a|", 1<<10)) }, protocol.InvalidRegularExpression},
		"many names":          {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = names(1<<15+1, "t") }, protocol.InvalidRequest},
		"large name": {func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.SubscribedTopicNames = names(1, strings.Repeat("t", 1<<15))
		}, protocol.InvalidRequest},
		"owns a million": {func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.MemberEpoch = 1
			r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{Partitions: make([]int32, 1<<20+1)}}
		}, protocol.InvalidRequest},
	} {
		req := joinRequest("g", "bad", "t")
		tc.edit(req)
		resp := ask[*kmsg.ConsumerGroupHeartbeatResponse](c, 1, req)
		if got := protocol.ErrorCode(resp.ErrorCode); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	odd := "\x00\xff\xfe /..%2f\n\u202e" // an id like any other
	c.coordinate(odd)
	c.beat(joinRequest(odd, odd, "t"))
	if g := c.describeConsumer(odd); len(g.Members) != 1 || g.Members[0].MemberID != odd {
		t.Errorf("%+v", g)
	}
	if resp := c.beat(beatOf("g", "good", epoch)); resp.MemberEpoch != epoch {
		t.Errorf("the group moved to epoch %d", resp.MemberEpoch)
	}
}
