package franzgo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// member is one consumer of a group that knows what it is assigned.
type member struct {
	cl     *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	assigned map[int32]bool
	lost     int // Partitions that were taken away in all.
	got      []string
}

// join starts a member of a classic group.
func join(t *testing.T, group, topic string, opts ...kgo.Opt) *member {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{cancel: cancel, done: make(chan struct{}), assigned: map[int32]bool{}}
	change := func(to bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(ctx context.Context, cl *kgo.Client, parts map[string][]int32) {
			if !to {
				// A callback of one's own takes the place of the client's
				// commit; an error here shows as a value consumed twice.
				_ = cl.CommitUncommittedOffsets(ctx)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, p := range parts[topic] {
				if to {
					m.assigned[p] = true
				} else {
					delete(m.assigned, p)
					m.lost++
				}
			}
		}
	}
	m.cl = client(t, append([]kgo.Opt{
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.HeartbeatInterval(100 * time.Millisecond),
		kgo.SessionTimeout(6 * time.Second),
		kgo.AutoCommitInterval(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(change(true)),
		kgo.OnPartitionsRevoked(change(false)),
		kgo.OnPartitionsLost(change(false)),
	}, opts...)...)
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			fs := m.cl.PollFetches(ctx)
			m.mu.Lock()
			for _, r := range fs.Records() {
				m.got = append(m.got, string(r.Value))
			}
			m.mu.Unlock()
		}
	}()
	t.Cleanup(m.stop)
	return m
}

// stop ends polling and leaves the group, unless the member is static.
func (m *member) stop() {
	m.cancel()
	<-m.done
	m.cl.Close()
}

func (m *member) partitions() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ps []int32
	for p := range m.assigned {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}

func (m *member) values() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// awaitBalance waits until the members share all partitions evenly.
func awaitBalance(t *testing.T, partitions int, members ...*member) {
	t.Helper()
	testbroker.Eventually(t, 30*time.Second, func() error {
		seen := map[int32]int{}
		for i, m := range members {
			ps := m.partitions()
			if len(ps) < partitions/len(members) || len(ps) > (partitions+len(members)-1)/len(members) {
				return fmt.Errorf("member %d of %d has %v", i, len(members), ps)
			}
			for _, p := range ps {
				seen[p]++
			}
		}
		if len(seen) != partitions {
			return fmt.Errorf("%d of %d partitions are assigned", len(seen), partitions)
		}
		return nil
	})
}

// TestGroupRebalance: one to four members share the partitions as they come and go, with each
// assignor.
func TestGroupRebalance(t *testing.T) {
	balancers := map[string]kgo.GroupBalancer{
		"range":              kgo.RangeBalancer(),
		"roundrobin":         kgo.RoundRobinBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer(),
	}
	for balancer, b := range balancers {
		t.Run(balancer, func(t *testing.T) {
			if balancer == "roundrobin" {
				testbroker.Quick(t)
			}
			const partitions = 8
			name, group := topic(t, partitions, nil), shared.Name(t)
			var members []*member
			for n := 1; n <= 4; n++ {
				members = append(members, join(t, group, name, kgo.Balancers(b)))
				if n != 3 {
					awaitBalance(t, partitions, members...)
				}
			}
			cl := client(t, manual()...)
			for p := range int32(partitions) {
				produce(t, cl, values(name, p, fmt.Sprintf("%d:", p), 10)...)
			}
			awaitValues(t, partitions*10, members...)
			if balancer == "cooperative-sticky" && members[0].lost > 7 {
				t.Errorf("the first member lost %d partitions; cooperative keeps what stays", members[0].lost)
			}
			members[1].stop()
			members[3].stop()
			awaitBalance(t, partitions, members[0], members[2])
		})
	}
}

// awaitValues waits until the members together have got n different values
// and none twice.
func awaitValues(t *testing.T, n int, members ...*member) {
	t.Helper()
	testbroker.Eventually(t, 30*time.Second, func() error {
		seen := map[string]int{}
		for _, m := range members {
			for _, v := range m.values() {
				seen[v]++
				if seen[v] > 1 {
					t.Fatalf("value %q was consumed %d times", v, seen[v])
				}
			}
		}
		if len(seen) != n {
			return fmt.Errorf("%d of %d values consumed", len(seen), n)
		}
		return nil
	})
}

// A member that ends goes on at its commit when it comes back.
func TestCommitAndResume(t *testing.T) {
	name, group := topic(t, 3, nil), shared.Name(t)
	cl := client(t, manual()...)
	for p := range int32(3) {
		produce(t, cl, values(name, p, fmt.Sprintf("a%d:", p), 20)...)
	}
	first := join(t, group, name)
	awaitValues(t, 60, first)
	first.stop() // Commits what was polled.
	offsets, err := admin(t).FetchOffsets(testContext(t), group)
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		if o, ok := offsets.Lookup(name, p); !ok || o.At != 20 || o.Err != nil {
			t.Errorf("committed of %d: %+v, want 20", p, o)
		}
		produce(t, cl, values(name, p, fmt.Sprintf("b%d:", p), 5)...)
	}
	second := join(t, group, name)
	awaitValues(t, 15, second)
}

// TestManualCommit: offsets are committed by hand.
func TestManualCommit(t *testing.T) {
	name, group := topic(t, 2, nil), shared.Name(t)
	adm := admin(t)
	ctx := testContext(t)
	var want kadm.Offsets
	want.Add(kadm.Offset{Topic: name, Partition: 0, At: 7, LeaderEpoch: 0, Metadata: "noted"})
	want.Add(kadm.Offset{Topic: name, Partition: 1, At: 0, LeaderEpoch: -1})
	if err := adm.CommitAllOffsets(ctx, group, want); err != nil {
		t.Fatal(err)
	}
	got, err := adm.FetchOffsets(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := got.Lookup(name, 0)
	if o.At != 7 || o.Metadata != "noted" || o.LeaderEpoch != 0 {
		t.Errorf("offset %+v, want 7 with metadata and epoch 0", o)
	}
	if o, ok := got.Lookup(name, 1); !ok || o.At != 0 || o.LeaderEpoch != -1 {
		t.Errorf("offset %+v %v, want 0 with epoch -1", o, ok)
	}
	// Metadata longer than offset.metadata.max.bytes (4096).
	var long kadm.Offsets
	long.Add(kadm.Offset{Topic: name, Partition: 0, At: 8, Metadata: string(make([]byte, 4097))})
	if err := adm.CommitAllOffsets(ctx, group, long); !errors.Is(err, kerr.OffsetMetadataTooLarge) {
		t.Errorf("long metadata: %v, want OFFSET_METADATA_TOO_LARGE", err)
	}
	var unknown kadm.Offsets
	unknown.Add(kadm.Offset{Topic: name + "-no", Partition: 0, At: 8})
	if err := adm.CommitAllOffsets(ctx, group, unknown); err == nil {
		t.Error("commit for an unknown topic: no error")
	}
}

// A static member that restarts within its session gets its partitions back
// without a rebalance of the others.
func TestStaticMembership(t *testing.T) {
	name, group := topic(t, 4, nil), shared.Name(t)
	opts := func(id string) []kgo.Opt {
		return []kgo.Opt{kgo.InstanceID(id), kgo.Balancers(kgo.RangeBalancer()), kgo.SessionTimeout(20 * time.Second)}
	}
	a := join(t, group, name, opts("a")...)
	b := join(t, group, name, opts("b")...)
	awaitBalance(t, 4, a, b)
	kept := b.partitions()
	a.mu.Lock()
	lost := a.lost
	a.mu.Unlock()
	b.stop() // A static member does not leave.
	again := join(t, group, name, opts("b")...)
	testbroker.Eventually(t, 15*time.Second, func() error {
		if got := again.partitions(); !slices.Equal(got, kept) {
			return fmt.Errorf("partitions %v, want %v as before", got, kept)
		}
		return nil
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost != lost {
		t.Errorf("the other member lost %d partitions by the restart", a.lost-lost)
	}
	described, err := admin(t).DescribeGroups(testContext(t), group)
	if err != nil || described[group].State != "Stable" || len(described[group].Members) != 2 {
		t.Fatalf("group %+v %v, want two members, stable", described[group], err)
	}
	for _, m := range described[group].Members {
		if m.InstanceID == nil || (*m.InstanceID != "a" && *m.InstanceID != "b") {
			t.Errorf("member %+v has no instance id", m)
		}
	}
	// Leaving is by an admin's word.
	left, err := admin(t).LeaveGroup(testContext(t), kadm.LeaveGroup(group).InstanceIDs("b").Reason("test"))
	if err != nil || left["b"].Err != nil {
		t.Errorf("leave b: %v %+v", err, left)
	}
}

// A second member with the same instance id fences the first.
func TestStaticFencing(t *testing.T) {
	testbroker.Quick(t)
	name, group := topic(t, 1, nil), shared.Name(t)
	ctx := testContext(t)
	cl := client(t)
	joinReq := func(memberID string) *kmsg.JoinGroupResponse {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Group, req.MemberID, req.InstanceID, req.ProtocolType = group, memberID, kmsg.StringPtr("i"), "consumer"
		req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 10000, 10000
		meta := kmsg.NewConsumerMemberMetadata()
		meta.Topics = []string{name}
		req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: meta.AppendTo(nil)}}
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first := joinReq("")
	if first.ErrorCode != 0 {
		t.Fatalf("first join: %v", kerr.ErrorForCode(first.ErrorCode))
	}
	if second := joinReq(""); second.ErrorCode != 0 || second.MemberID == first.MemberID {
		t.Fatalf("second join: %v with id %q, the first had %q", kerr.ErrorForCode(second.ErrorCode), second.MemberID, first.MemberID)
	}
	hb := kmsg.NewPtrHeartbeatRequest()
	hb.Group, hb.MemberID, hb.InstanceID, hb.Generation = group, first.MemberID, kmsg.StringPtr("i"), first.Generation
	resp, err := hb.RequestWith(ctx, cl)
	if err != nil || !errors.Is(kerr.ErrorForCode(resp.ErrorCode), kerr.FencedInstanceID) {
		t.Errorf("heartbeat of the first: %v %v, want FENCED_INSTANCE_ID", kerr.ErrorForCode(resp.ErrorCode), err)
	}
}

// A member that vanishes is thrown out after its session timeout.
func TestSessionTimeout(t *testing.T) {
	testbroker.Quick(t)
	name, group := topic(t, 2, nil), shared.Name(t)
	a := join(t, group, name)
	// This one never leaves: its id is static.
	b := join(t, group, name, kgo.InstanceID("gone"), kgo.SessionTimeout(6*time.Second))
	awaitBalance(t, 2, a, b)
	b.stop()
	awaitBalance(t, 2, a)
}

// TestGroupAdmin: groups are listed, described and deleted; offsets are fetched, set and deleted.
func TestGroupAdmin(t *testing.T) {
	name, group := topic(t, 2, nil), shared.Name(t)
	ctx, adm := testContext(t), admin(t)
	m := join(t, group, name, kgo.Balancers(kgo.RangeBalancer()))
	awaitBalance(t, 2, m)
	produce(t, client(t, manual()...), values(name, 0, "", 10)...)
	awaitValues(t, 10, m)

	described, err := adm.DescribeGroups(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	g := described[group]
	if g.State != "Stable" || g.ProtocolType != "consumer" || g.Protocol != "range" || len(g.Members) != 1 || g.Coordinator.Port == 0 {
		t.Errorf("described %+v", g)
	}
	if got := g.AssignedPartitions()[name]; len(got) != 2 {
		t.Errorf("assigned %v, want both partitions", g.AssignedPartitions())
	}
	groups, err := adm.ListGroups(ctx, "Stable")
	if err != nil || groups[group].ProtocolType != "consumer" {
		t.Errorf("listed %+v %v", groups[group], err)
	}
	deleted, err := adm.DeleteGroup(ctx, group)
	if !errors.Is(err, kerr.NonEmptyGroup) {
		t.Errorf("delete a group with members: %v %v, want NON_EMPTY_GROUP", deleted, err)
	}
	var del kadm.TopicsSet
	del.Add(name, 0)
	inUse, err := adm.DeleteOffsets(ctx, group, del)
	if e := inUse[name][0]; err == nil && !errors.Is(e, kerr.GroupSubscribedToTopic) {
		t.Errorf("delete offsets in use: %v, want GROUP_SUBSCRIBED_TO_TOPIC", e)
	}
	m.stop()
	if g, err := adm.DescribeGroups(ctx, group); err != nil || g[group].State != "Empty" {
		t.Errorf("after leaving: %+v %v, want Empty", g[group], err)
	}
	if got, err := adm.DeleteOffsets(ctx, group, del); err != nil || got[name][0] != nil {
		t.Errorf("delete offsets: %v %v", got, err)
	}
	left, err := adm.FetchOffsets(ctx, group)
	if _, ok := left.Lookup(name, 0); ok || err != nil {
		t.Errorf("offset of partition 0 is still there: %v %v", left, err)
	}
	if _, err := adm.DeleteGroup(ctx, group); err != nil {
		t.Errorf("delete an empty group: %v", err)
	}
	if _, err := adm.DeleteGroup(ctx, group); !errors.Is(err, kerr.GroupIDNotFound) {
		t.Errorf("delete it again: %v, want GROUP_ID_NOT_FOUND", err)
	}
}

// Deleting a topic drops its committed offsets.
func TestOffsetsGoWithTopic(t *testing.T) {
	name, group := topic(t, 1, nil), shared.Name(t)
	ctx, adm := testContext(t), admin(t)
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: name, Partition: 0, At: 3, LeaderEpoch: -1})
	if err := adm.CommitAllOffsets(ctx, group, o); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.DeleteTopic(ctx, name); err != nil {
		t.Fatal(err)
	}
	testbroker.Eventually(t, 10*time.Second, func() error {
		// A fresh client knows nothing of the topic.
		got, err := admin(t).FetchOffsets(ctx, group)
		if errors.Is(err, kerr.GroupIDNotFound) {
			return nil
		}
		if _, ok := got.Lookup(name, 0); ok || err != nil {
			return fmt.Errorf("still %v %w", got, err)
		}
		return nil
	})
}
