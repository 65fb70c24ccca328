package coordinator

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

// broadcastGroups is a coordinator of broadcast groups only, loaded.
func broadcastGroups(tb testing.TB) *Groups {
	tb.Helper()
	return broadcastGroupsOver(tb, func(int32) Journal { return &shard.Memory{} })
}

func broadcastGroupsOver(tb testing.TB, journals func(int32) Journal) *Groups {
	tb.Helper()
	config := DefaultConfig()
	config.Shards = 4
	suffix := 0
	view := anyView()
	view.modes = map[string]bool{"": true}
	groups, err := New(func() Config { return config }, Env{
		Clock:        clock.NewManual(time.UnixMilli(1_000_000)),
		Journals:     journals,
		View:         func() View { return view },
		MemberSuffix: func() string { suffix++; return strconv.Itoa(suffix) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	for shard := range config.Shards {
		if err := groups.Load(shard); err != nil {
			tb.Fatal(err)
		}
	}
	return groups
}

// join lets a new member into a group.
func (s *Session) join(t *testing.T, group string) *kmsg.JoinGroupResponse {
	t.Helper()
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.ProtocolType, req.SessionTimeoutMillis = 3, group, "consumer", 10_000
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription([]string{"t"})}}
	var answered *kmsg.JoinGroupResponse
	s.groups.Join(req, Caller{ClientID: "c", ClientHost: "/h", Session: s}, func(r *kmsg.JoinGroupResponse) { answered = r })
	synctest.Wait() // the shard may be busy yet
	if answered == nil || answered.ErrorCode != 0 {
		t.Fatalf("the answer to a new member: %+v", answered)
	}
	return answered
}

// bound counts what the shards know of sessions.
func (g *Groups) bound() int {
	n := 0
	for i := range g.shards.Len() {
		n += len(g.machine(i).sessions)
	}
	return n
}

// A request may come to its turn after its connection has ended: it is answered,
// and nothing is kept of the connection.
func TestClosedSessionBindsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := broadcastGroups(t)
		defer groups.Close()
		gone := groups.NewSession()
		gone.Close()
		gone.join(t, "g")
		if n := groups.bound(); n != 0 {
			t.Errorf("%d connections are kept", n)
		}
		// So the place is free at once.
		next := groups.NewSession()
		next.join(t, "g")
		if cells := groups.Metrics().Cells; cells != 1 {
			t.Errorf("%d cells, want the one that was free", cells)
		}
		next.Close()
		next.Close()
		(*Session)(nil).Close()
	})
}

// One connection may be in several groups, of several shards; its end frees all
// of its places.
func TestSessionOfManyGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := broadcastGroups(t)
		defer groups.Close()
		session := groups.NewSession()
		names := []string{"a", "b", "c", "d", "e"}
		for _, name := range names {
			session.join(t, name)
		}
		if len(session.mu.shards) < 2 {
			t.Fatal("all groups are in one shard")
		}
		session.Close()
		synctest.Wait()
		if n := groups.bound(); n != 0 {
			t.Errorf("%d connections are kept", n)
		}
		next := groups.NewSession()
		for _, name := range names {
			next.join(t, name)
		}
		if cells := groups.Metrics().Cells; cells != len(names) {
			t.Errorf("%d cells of %d groups", cells, len(names))
		}
	})
}

// A group and its cells are in one shard, whatever their names.
func TestCellsLiveWithTheirBase(t *testing.T) {
	groups := realGroups(t, 50)
	for _, base := range []string{"g", "", "orders-🛒", "a::b"} {
		for _, cell := range []string{staticCell(base, "i"), slotPrefix(base, "c::member::d", "/h") + "0"} {
			if got, want := groups.Shard(cell), groups.Shard(base); got != want {
				t.Errorf("%q is in shard %d, its base in %d", cell, got, want)
			}
			if !cellBelongs(cell, base) {
				t.Errorf("%q is no cell of %q", cell, base)
			}
		}
	}
	if cellBelongs(staticCell("ab", "i"), "a") || cellBelongs("a", "a") {
		t.Error("a cell of another group is taken for one")
	}
}

// What a switch to broadcast would copy has a bound, above which the group goes on
// as it is until its members were stopped.
func TestSwitchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		on := false
		config := DefaultConfig()
		config.Shards = 1
		groups, err := New(func() Config { return config }, Env{
			Clock: clock.NewManual(time.UnixMilli(1_000_000)), Journals: func(int32) Journal { return &shard.Memory{} },
			View: func() View {
				view := anyView()
				view.modes = map[string]bool{"g": on}
				return view
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer groups.Close()
		if err := groups.Load(0); err != nil {
			t.Fatal(err)
		}
		commit := commitRequest("g", "t", 0, 1)
		for i := int32(1); i < 5001; i++ {
			commit.Topics[0].Partitions = append(commit.Topics[0].Partitions, kmsg.OffsetCommitRequestTopicPartition{Partition: i})
		}
		groups.CommitOffsets(commit, Caller{}, func(*kmsg.OffsetCommitResponse) {})
		beat := func(id string, epoch int32) {
			req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
			req.Version, req.Group, req.MemberID, req.MemberEpoch, req.RebalanceTimeoutMillis = 1, "g", id, epoch, 1000
			req.SubscribedTopicNames, req.Topics = []string{"t"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
			groups.ConsumerHeartbeat(req, Caller{ClientID: "c"}, func(r *kmsg.ConsumerGroupHeartbeatResponse) {
				if r.ErrorCode != 0 {
					t.Errorf("%s at %d: %s", id, epoch, codeText(r.ErrorCode))
				}
			})
		}
		for i := range 100 {
			beat(strconv.Itoa(i), epochJoin)
		}
		on = true
		groups.RulesChanged(nil)
		synctest.Wait()
		if n := groups.Metrics().Cells; n != 0 {
			t.Fatalf("%d cells of a group with %d offsets and 100 members", n, len(commit.Topics[0].Partitions))
		}
		beat("late", epochJoin) // the former mode is in force
		on = false
		for i := range 100 {
			beat(strconv.Itoa(i), epochLeave)
		}
		on = true
		groups.RulesChanged([]string{"g"})
		synctest.Wait()
		if n := groups.Metrics().Cells; n != 1 {
			t.Errorf("%d cells", n)
		}
	})
}
