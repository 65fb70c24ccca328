package coordinator

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"shards":   func(c *Config) { c.Shards = 0 },
		"minimum":  func(c *Config) { c.SessionTimeoutMin = 0 },
		"maximum":  func(c *Config) { c.SessionTimeoutMax = c.SessionTimeoutMin - 1 },
		"members":  func(c *Config) { c.MembersMax = 0 },
		"delay":    func(c *Config) { c.InitialRebalanceDelay = -1 },
		"join":     func(c *Config) { c.JoinTimeout = 0 },
		"metadata": func(c *Config) { c.OffsetMetadataMax = -1 },
		"retain":   func(c *Config) { c.OffsetsRetention = 0 },
		"check":    func(c *Config) { c.OffsetsCheckInterval = 0 },
		"batch":    func(c *Config) { c.BatchBytesMax = 0 },
		"unit":     func(c *Config) { c.UnitBytesMax = c.BatchBytesMax - 1 },
		"retry":    func(c *Config) { c.LoadRetry = 0 },
		"migrate":  func(c *Config) { c.Migration = "up" },
		"assignor": func(c *Config) { c.Assignors = nil },
	} {
		c := DefaultConfig()
		spoil(&c)
		if _, err := New(func() Config { return c }, Env{}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// realGroups is a coordinator on the real clock whose journals are in memory.
func realGroups(tb testing.TB, shards int32) *Groups {
	tb.Helper()
	journals := make([]shard.Memory, shards)
	return groupsOver(tb, shards, func(shard int32) Journal { return &journals[shard] })
}

// groupsOver is one over journals of the caller's.
func groupsOver(tb testing.TB, shards int32, journals func(shard int32) Journal) *Groups {
	tb.Helper()
	config := DefaultConfig()
	config.Shards = shards
	view := anyView() // production makes none for a step
	groups, err := New(func() Config { return config }, Env{
		Clock:    clock.Real{},
		Journals: journals,
		View:     func() View { return view },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(groups.Close)
	for shard := range shards {
		if err := groups.Load(shard); err != nil {
			tb.Fatal(err)
		}
	}
	return groups
}

// machine is that of a shard at rest; nil if it is not loaded.
func (g *Groups) machine(shard int32) (m *machine) {
	g.shards.Peek(shard, func(its *machine, _ []Record) { m = its })
	return m
}

// loadedShard starts a coordinator that has loaded its first shard; it ends with the test.
func loadedShard(t *testing.T, config func() Config, env Env) *Groups {
	t.Helper()
	groups, err := New(config, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(groups.Close)
	if err := groups.Load(0); err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestTooLong refuses strings that a record could not hold, whatever the
// request's own encoding allows.
func TestTooLong(t *testing.T) {
	t.Parallel()
	groups := realGroups(t, 1)
	long := strings.Repeat("x", stringMax+1)
	join := func(change func(*kmsg.JoinGroupRequest, *Caller)) protocol.ErrorCode {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Version, req.Group, req.SessionTimeoutMillis, req.ProtocolType = 9, "g", 10_000, consumerType
		req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
		var caller Caller
		change(req, &caller)
		var code int16
		groups.Join(req, caller, func(r *kmsg.JoinGroupResponse) { code = r.ErrorCode })
		return protocol.ErrorCode(code)
	}
	for name, c := range map[string]struct {
		change func(*kmsg.JoinGroupRequest, *Caller)
		want   protocol.ErrorCode
	}{
		"nothing":       {func(*kmsg.JoinGroupRequest, *Caller) {}, protocol.MemberIDRequired},
		"group":         {func(r *kmsg.JoinGroupRequest, _ *Caller) { r.Group = long }, protocol.InvalidGroupID},
		"member":        {func(r *kmsg.JoinGroupRequest, _ *Caller) { r.MemberID = long }, protocol.InvalidRequest},
		"instance":      {func(r *kmsg.JoinGroupRequest, _ *Caller) { r.InstanceID = &long }, protocol.InvalidRequest},
		"type":          {func(r *kmsg.JoinGroupRequest, _ *Caller) { r.ProtocolType = long }, protocol.InvalidRequest},
		"protocol name": {func(r *kmsg.JoinGroupRequest, _ *Caller) { r.Protocols[0].Name = long }, protocol.InvalidRequest},
		"client":        {func(_ *kmsg.JoinGroupRequest, c *Caller) { c.ClientID = long }, protocol.InvalidRequest},
		"host":          {func(_ *kmsg.JoinGroupRequest, c *Caller) { c.ClientHost = long }, protocol.InvalidRequest},
	} {
		if got := join(c.change); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		req  *kmsg.OffsetCommitRequest
		want protocol.ErrorCode
	}{
		"group": {commitRequest(long, "t", 0, 1), protocol.InvalidGroupID},
		"topic": {commitRequest("g", long, 0, 1), protocol.InvalidRequest},
	} {
		groups.CommitOffsets(c.req, Caller{}, func(r *kmsg.OffsetCommitResponse) {
			if got := protocol.ErrorCode(r.Topics[0].Partitions[0].ErrorCode); got != c.want {
				t.Errorf("commit, %s: %s, want %s", name, got, c.want)
			}
		})
	}
}

// TestMetadataCountsAsKafka counts offset metadata in UTF-16 units.
func TestMetadataCountsAsKafka(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"abcd": false, "abcde": true, "ääää": false, "äääää": true, "😀😀": false, "😀😀😀": true} {
		if got := tooLong(&text, 4); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestManyAtOnce lets clients of many groups work at the same time, on the
// real clock, while shards move away and come back. Nothing may hang or leak.
func TestManyAtOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	const shards, clients, turns = 4, 16, 60
	config := DefaultConfig()
	config.Shards, config.InitialRebalanceDelay = shards, time.Millisecond
	var journals [shards]shard.Memory
	groups, err := New(func() Config { return config }, Env{
		Clock: clock.Real{}, Journals: func(shard int32) Journal { return &journals[shard] }, View: func() View { return anyView() },
	})
	if err != nil {
		t.Fatal(err)
	}
	for shard := range int32(shards) {
		if err := groups.Load(shard); err != nil {
			t.Fatal(err)
		}
	}
	var answers atomic.Int64
	var work sync.WaitGroup
	for client := range clients {
		work.Go(func() {
			group := fmt.Sprintf("group-%d", client%5)
			for turn := range turns {
				answers.Add(liveOnce(groups, group, turn))
			}
		})
	}
	for turn := range turns {
		index := int32(turn % shards)
		journals[index].Set(func(j *shard.MemoryState) { j.Broken = turn%3 == 0 })
		if turn%5 == 0 {
			groups.Unload(index)
		}
		if err := groups.Load(index); err != nil && !errors.Is(err, ErrUnloaded) {
			t.Fatal(err)
		}
	}
	work.Wait()
	groups.Close()
	if got := answers.Load(); got == 0 {
		t.Errorf("%d answers", got)
	}
}

// liveOnce joins, syncs, commits, reads and leaves, and waits for each answer.
func liveOnce(groups *Groups, group string, turn int) int64 {
	joined := make(chan *kmsg.JoinGroupResponse, 1)
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.ProtocolType = 3, group, consumerType
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 6000, 5
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription([]string{"t"})}}
	groups.Join(req, Caller{ClientID: "c"}, func(r *kmsg.JoinGroupResponse) { joined <- r })
	me := <-joined
	answers := int64(1)
	if me.ErrorCode == 0 {
		synced := make(chan struct{}, 1)
		sync := kmsg.NewPtrSyncGroupRequest()
		sync.Group, sync.MemberID, sync.Generation = group, me.MemberID, me.Generation
		groups.Sync(sync, Caller{}, func(*kmsg.SyncGroupResponse) { synced <- struct{}{} })
		<-synced
		answers++
	}
	committed := make(chan struct{}, 1)
	commit := commitRequest(group, "t", 0, int64(turn))
	commit.MemberID, commit.Generation = me.MemberID, me.Generation
	groups.CommitOffsets(commit, Caller{}, func(*kmsg.OffsetCommitResponse) { committed <- struct{}{} })
	<-committed
	listed := make(chan struct{}, 1)
	groups.ListGroups(&kmsg.ListGroupsRequest{Version: 5}, func(*kmsg.ListGroupsResponse) { listed <- struct{}{} })
	<-listed
	left := make(chan struct{}, 1)
	groups.Leave(&kmsg.LeaveGroupRequest{Version: 1, Group: group, MemberID: me.MemberID}, Caller{},
		func(*kmsg.LeaveGroupResponse) { left <- struct{}{} })
	<-left
	return answers + 3
}

// TestIdleShardsCostNothing: no timer without a group.
func TestIdleShardsCostNothing(t *testing.T) {
	t.Parallel()
	manual := clock.NewManual(time.UnixMilli(1))
	config := DefaultConfig()
	groups, err := New(func() Config { return config }, Env{
		Clock: manual, Journals: func(int32) Journal { return &shard.Memory{} }, View: func() View { return anyView() },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer groups.Close()
	for shard := range config.Shards {
		if err := groups.Load(shard); err != nil {
			t.Fatal(err)
		}
	}
	if got := manual.Pending(); got != 0 {
		t.Errorf("%d timers", got)
	}
	if got := groups.Metrics().ShardsLoaded; got != 50 {
		t.Errorf("%d shards loaded", got)
	}
}

// TestCoalesce: what arrives while a shard works goes out as one append.
func TestCoalesce(t *testing.T) {
	t.Parallel()
	var appends []int
	journal := &shard.Memory{OnAppend: func(records []Record) { appends = append(appends, len(records)) }}
	groups := groupsOver(t, 1, func(int32) Journal { return journal })
	answers := 0
	groups.CommitOffsets(commitRequest("g", "t", 0, 1), Caller{}, func(*kmsg.OffsetCommitResponse) {
		for partition := range int32(5) {
			groups.CommitOffsets(commitRequest("g", "t", partition, 2), Caller{}, func(*kmsg.OffsetCommitResponse) { answers++ })
		}
	})
	if answers != 5 || len(appends) != 2 || appends[1] != 5 {
		t.Errorf("%d answers, appends of %v records", answers, appends)
	}
}

// TestNoGroupHoldsUpAnother: while a group waits for its members, and one of its
// members for the group, thousands of others in the same shard go on.
func TestNoGroupHoldsUpAnother(t *testing.T) {
	t.Parallel()
	const others = 5000
	groups := realGroups(t, 1)
	waiting := make(chan *kmsg.JoinGroupResponse, 1)
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.ProtocolType, join.SessionTimeoutMillis = 3, "waits", "consumer", 10_000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	groups.Join(join, Caller{}, func(r *kmsg.JoinGroupResponse) { waiting <- r })
	answered := make(chan *kmsg.OffsetCommitResponse, others)
	for i := range others {
		groups.CommitOffsets(commitRequest(fmt.Sprintf("group-%d", i), "t", 0, 1), Caller{}, func(r *kmsg.OffsetCommitResponse) { answered <- r })
	}
	for range others {
		if r := <-answered; r.Topics[0].Partitions[0].ErrorCode != 0 {
			t.Fatal(commitText(r))
		}
	}
	select {
	case r := <-waiting:
		t.Errorf("the group that waits was answered: %s", joinText(r))
	default:
	}
	groups.Unload(0)
	if r := <-waiting; protocol.ErrorCode(r.ErrorCode) != protocol.NotCoordinator {
		t.Errorf("when the shard went: %s", joinText(r))
	}
}
