package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/server"
)

// consumer is a member with a session of 10 s, heard of some seconds ago, that
// was given partitions of t.
func consumer(now time.Time, id string, heard int, partitions ...int32) coordinator.MemberView {
	sub := kmsg.NewConsumerMemberMetadata()
	sub.Topics = []string{"t"}
	given := kmsg.NewConsumerMemberAssignment()
	if len(partitions) > 0 {
		given.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: "t", Partitions: partitions}}
	}
	at := now.Add(-time.Duration(heard) * time.Second)
	return coordinator.MemberView{
		ID: id, ClientID: "app", ClientHost: "/h", Heard: at, Expires: at.Add(10 * time.Second), SessionTimeout: 10 * time.Second,
		RebalanceTimeout: time.Minute, Consumes: true, Metadata: sub.AppendTo(nil), Given: given.AppendTo(nil),
	}
}

func static(m coordinator.MemberView, instance string) coordinator.MemberView {
	m.Instance = &instance
	return m
}

// TestWhy: how each state reads.
func TestWhy(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	in := func(d time.Duration) time.Time { return now.Add(d) }
	members := func(all ...coordinator.MemberView) []coordinator.MemberView { return all }
	offset := int64(17)
	behind := server.GroupPartition{
		Topic: "t", Partition: 1, Committed: &offset, CommittedAt: ago(20 * time.Minute), Member: "b",
		Lag: &server.Lag{Records: 5, Seconds: 1190},
	}
	waits := consumer(now, "b", 9, 1)
	waits.Waits = true
	silent := consumer(now, "b", 0, 1)
	silent.Heard, silent.Expires = time.Time{}, in(8*time.Second)
	given := func(topic string, partition int32) []coordinator.AssignedTopic {
		return []coordinator.AssignedTopic{{Topic: topic, Partitions: []int32{partition}}}
	}
	open := map[model.ProducerID]*txn.View{
		4: {ID: "worker-4", State: txn.Ongoing, Start: ago(20 * time.Second).UnixMilli(), Timeout: 60_000},
		5: {ID: "worker-5", State: txn.PrepareCommit, Start: ago(30 * time.Second).UnixMilli(), Timeout: 60_000},
	}
	for _, c := range []struct {
		name       string
		view       coordinator.GroupView
		partitions []server.GroupPartition
		want       string
	}{
		{"stable", coordinator.GroupView{
			State: "Stable", Since: ago(3 * time.Hour), Generation: 5, Members: members(consumer(now, "a", 3, 0), consumer(now, "b", 2, 1)),
		}, nil, "stable for 3 h with 2 members in generation 5: nothing stands in its way"},
		{"just begun", coordinator.GroupView{
			State: "PreparingRebalance", Since: ago(time.Second), Members: members(waits),
			Blockers: []coordinator.Blocker{{Kind: coordinator.BlockedByDelay, Until: in(2 * time.Second)}},
		}, nil, `rebalancing for 1 s: 1 member so far
initial-delay - until 2s: the first rebalance waits for more members, 2 s more, and longer while they come (group.initial.rebalance.delay.ms)`},
		{"a rebalance that some wait for already", coordinator.GroupView{
			State: "PreparingRebalance", Since: ago(9 * time.Second), Members: members(consumer(now, "a", 1), waits),
			Blockers: []coordinator.Blocker{{Kind: coordinator.BlockedByJoin, Member: "a", Until: in(5 * time.Second)}},
		}, nil, `rebalancing for 9 s: waits for 1 of 2 members to join
join a app/h until 5s: has not joined; last heard of 1 s ago; out in 5 s. It joins with its next poll: is it busy with what it polled last (max.poll.interval.ms)?`},
		{"slow members", coordinator.GroupView{
			State: "PreparingRebalance", Since: ago(12 * time.Second), Newcomers: 1,
			Members: members(consumer(now, "a", 1), consumer(now, "b", 3, 1), static(consumer(now, "c", 2), "node 1")),
			Blockers: []coordinator.Blocker{
				{Kind: coordinator.BlockedByJoin, Member: "b", Until: in(48 * time.Second)},
				{Kind: coordinator.BlockedByJoin, Member: "c", Until: in(8 * time.Second)},
				{Kind: coordinator.BlockedByNewcomer, Member: "d\n", Until: in(9 * time.Second)},
			},
		}, nil, `rebalancing for 12 s: waits for 3 of 4 members to join
join b app/h until 48s: has not joined; last heard of 3 s ago; out in 48 s at the latest, in 7 s unless it is heard of. It joins with its next poll: is it busy with what it polled last (max.poll.interval.ms)?
join c app/h until 8s: has not joined; last heard of 2 s ago; the others go on without it in 8 s; as a static member ("node 1") it keeps its place until its session ends
newcomer d\n until 9s: a client was given the member id "d\n" and has not come back with it; given up in 9 s`},
		{"no assignment", coordinator.GroupView{
			State: "CompletingRebalance", Since: ago(4 * time.Second), Generation: 6, Members: members(consumer(now, "a", 4), consumer(now, "b", 4)),
			Blockers: []coordinator.Blocker{{Kind: coordinator.BlockedByLeader, Member: "a", Until: in(6 * time.Second)}},
		}, nil, `rebalancing for 4 s: 2 members joined, generation 6 waits for its assignment
assignment a app/h until 6s: the leader has not sent the assignment; last heard of 4 s ago; out in 6 s`},
		{"not fetched, after a restart of the broker", coordinator.GroupView{
			State: "Stable", Since: ago(90 * time.Second), Generation: 6, Members: members(consumer(now, "a", 4, 0), silent),
			Blockers: []coordinator.Blocker{{Kind: coordinator.BlockedBySync, Member: "b"}},
		}, nil, `stable for 1 min 30 s with 2 members in generation 6
sync b app/h: has not fetched its assignment; not heard of since the broker loaded the group; out in an unknown time, and then the others have to rebalance`},
		{"not a classic group yet", coordinator.GroupView{
			State: "Assigning", Since: ago(time.Second), Generation: 6, Members: members(consumer(now, "a", 1, 0, 1)),
			Blockers: []coordinator.Blocker{{Kind: coordinator.BlockedByDowngrade, Until: now.Add(20 * time.Second)}},
		}, nil, `rebalancing for 1 s: 1 member, epoch 6 waits for its assignment
downgrade - until 20s: all members use the classic protocol: the group becomes a classic one in 20 s. It came from that a short while ago, and each change writes all its members anew`},
		{"silent", coordinator.GroupView{
			State: "Stable", Since: ago(50 * time.Hour), Generation: 6,
			Members: members(consumer(now, "a", 6, 0), static(consumer(now, "b", 7, 1), "i")),
		}, nil, `stable for 2 d 2 h with 2 members in generation 6
silent a app/h until 4s: last heard of 6 s ago; out in 4 s; is it gone?
silent b app/h until 3s: last heard of 7 s ago; out in 3 s; static member (i): nobody gets its partitions until then`},
		{"idle, and a partition too many", coordinator.GroupView{
			State: "Stable", Since: ago(time.Minute), Generation: 6, Members: members(consumer(now, "a", 1, 0), consumer(now, "b", 1)),
		}, nil, `stable for 1 min with 2 members in generation 6
idle b app/h: was given nothing to do: there are no more partitions than members, or its topics do not exist
unassigned -: 1 of 2 partitions of t were given to nobody: was the topic made or grown a moment ago? Clients notice within metadata.max.age.ms`},
		{"stuck", coordinator.GroupView{
			State: "Stable", Since: ago(time.Hour), Generation: 6, Members: members(consumer(now, "a", 1, 0), consumer(now, "b", 1, 1)),
		}, []server.GroupPartition{behind}, `stable for 1 h with 2 members in generation 6
stuck b app/h: t-1: 5 records behind, and nothing was committed for 20 min, since offset 17: does the member process that record again and again, or not commit? If it commits in other partitions, it may only be slow`},
		{"behind a transaction", coordinator.GroupView{
			State: "Stable", Since: ago(time.Hour), Generation: 6, Members: members(consumer(now, "a", 1, 0), consumer(now, "b", 1, 1)),
		}, []server.GroupPartition{stableAt(behind, 17)}, `stable for 1 h with 2 members in generation 6
transaction b app/h: t-1: 5 records behind, all that it can be given of them behind offset 17, where a transaction is open: who reads committed data waits for its end; ` + "`mainstem txn list --open --topics t`" + ` says whose it is, and what ends it`},
		{"behind markers, and then a transaction", coordinator.GroupView{
			State: "Stable", Since: ago(time.Hour), Generation: 6, Members: members(consumer(now, "a", 1, 0), consumer(now, "b", 1, 1)),
		}, []server.GroupPartition{stableAt(behind, 18).Barren()}, `stable for 1 h with 2 members in generation 6
transaction b app/h: t-1: 5 records behind, all that it can be given of them behind offset 18, where a transaction is open: who reads committed data waits for its end; ` + "`mainstem txn list --open --topics t`" + ` says whose it is, and what ends it`},
		{"committed in transactions that are not over", coordinator.GroupView{
			State: "Stable", Since: ago(time.Hour), Generation: 6, Members: members(consumer(now, "a", 1, 0), consumer(now, "b", 1, 1)),
			Pending: []coordinator.PendingCommit{
				{Producer: 3, Since: ago(9 * time.Second), Topics: given("t", 0)},
				{Producer: 4, Since: ago(20 * time.Second), Topics: given("t", 1)},
				{Producer: 5, Since: ago(30 * time.Second), Topics: given("t", 2)},
				{Producer: 6, Since: ago(40 * time.Second), Topics: given("u", 0)},
			},
		}, []server.GroupPartition{{Topic: "t", Partition: 1, End: 4, Member: "b"}}, `stable for 1 h with 2 members in generation 6
transaction - until 40s: offsets of 1 partition (t 1) were committed 20 s ago in a transaction of producer 4 (worker-4), which is not over: a member that is given one of these partitions now gets no offset, and reads nothing, until that is over; it is aborted in 40 s unless its producer ends it, or now by ` + "`mainstem txn abort worker-4`" + `
transaction -: offsets of 1 partition (t 2) were committed 30 s ago in a transaction of producer 5 (worker-5), which is not over: a member that is given one of these partitions now gets no offset, and reads nothing, until that is over; it is decided, and its markers are being written
transaction -: offsets of 1 partition (u 0) were committed 40 s ago in a transaction of producer 6, which no coordinator knows: a member that is given one of these partitions now gets no offset, and reads nothing, until that is over; ` + "`mainstem txn list --hanging --topics __consumer_offsets`" + ` says how to end it`},
		{"stuck before a transaction", coordinator.GroupView{
			State: "Stable", Since: ago(time.Hour), Generation: 6, Members: members(consumer(now, "a", 1, 0), consumer(now, "b", 1, 1)),
		}, []server.GroupPartition{stableAt(behind, 18)}, `stable for 1 h with 2 members in generation 6
stuck b app/h: t-1: 5 records behind, and nothing was committed for 20 min, since offset 17: does the member process that record again and again, or not commit? If it commits in other partitions, it may only be slow`},
		{"uncommitted", coordinator.GroupView{
			State: "Stable", Since: ago(time.Minute), Generation: 5, Members: members(consumer(now, "a", 3, 0), consumer(now, "b", 2, 1)),
		}, []server.GroupPartition{
			{Topic: "t", Partition: 0, LogStart: 5, End: 5, Member: "a"},
			{Topic: "t", Partition: 1, End: 4, Member: "b"},
			{Topic: "t", Partition: 2, End: 4},
		}, `stable for 1 min with 2 members in generation 5
uncommitted -: nothing was ever committed for 1 partition with records, such as t-1: no lag counts them. Do the members commit (enable.auto.commit), or not get over the first records?`},
		{
			"uncommitted for a moment",
			coordinator.GroupView{
				State: "Stable", Since: ago(59 * time.Second), Generation: 5, Members: members(consumer(now, "a", 3, 0), consumer(now, "b", 2, 1)),
			},
			[]server.GroupPartition{{Topic: "t", Partition: 1, End: 4, Member: "b"}},
			"stable for 59 s with 2 members in generation 5: nothing stands in its way",
		},
		{
			"empty",
			coordinator.GroupView{State: "Empty", Since: ago(time.Hour), ProtocolType: "consumer"},
			nil,
			"no members for 1 h; its offsets go 7 d after the last one left (offsets.retention.minutes)",
		},
		{
			"never joined",
			coordinator.GroupView{State: "Empty"},
			nil,
			"no members, nobody ever joined; each committed offset goes 7 d after its commit (offsets.retention.minutes)",
		},
	} {
		got := server.Explain(&c.view, server.RewindInShort{}, c.partitions, func(string) int { return 2 }, open, 7*24*time.Hour, now)
		lines := []string{got.Summary}
		for _, r := range got.Reasons {
			who := strings.ReplaceAll(r.Member, "\n", `\n`)
			if who == "" {
				who = "-"
			}
			if r.Client != "" {
				who += " " + r.Client + r.Host
			}
			if !r.Until.IsZero() {
				who += " until " + r.Until.Sub(now).String()
			}
			lines = append(lines, r.Kind+" "+who+": "+r.Text)
		}
		if d := cmp.Diff(c.want, strings.Join(lines, "\n")); d != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, d)
		}
	}
}

// TestWhyRewound: a rewind under way is the reason, not that members have nothing;
// one that is done is none.
func TestWhyRewound(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	view := coordinator.GroupView{
		ID: "g g", State: "Stable", Since: now.Add(-time.Second), Generation: 5, Members: []coordinator.MemberView{consumer(now, "a", 3)},
	}
	kinds := func(phase string) (all string) {
		rewind := server.RewindInShort{ID: "1", Phase: phase, Started: now.Add(-5 * time.Second)}
		for _, r := range server.Explain(&view, rewind, nil, func(string) int { return 2 }, nil, time.Hour, now).Reasons {
			all += r.Kind + ": " + r.Text + "\n"
		}
		return all
	}
	const want = "rewind: a rewind began 5 s ago: the members give up all partitions, and get them again once nobody owns any; " +
		"until then nothing that they commit for the partitions that move counts; `group rewind \"g g\" --undo` calls it off\n"
	if got := kinds("emptying"); got != want {
		t.Errorf("%s", got)
	}
	view.Kind, view.Members[0].Consumer = "consumer", &coordinator.ConsumerView{}
	if got := kinds("emptying"); !strings.Contains(got, "the members give up the partitions that move and go on with the rest") {
		t.Errorf("a consumer group: %s", got)
	}
	view.Kind, view.Members[0].Consumer = "classic", nil
	if got := kinds("done"); strings.Contains(got, "rewind") || !strings.Contains(got, "idle") || !strings.Contains(got, "unassigned") {
		t.Errorf("%s", got)
	}
}

// TestRates: how a lag changes, and when it will be gone.
func TestRates(t *testing.T) {
	t.Parallel()
	at := func(committed, end int64) server.GroupPartition {
		p := server.GroupPartition{Topic: "t", End: end, Lag: &server.Lag{Records: end - committed}}
		if committed >= 0 {
			p.Committed = &committed
		} else {
			p.Lag = nil
		}
		return p
	}
	given := func(p server.GroupPartition) server.GroupPartition {
		p.Member = "m"
		return p
	}
	empty := given(at(-1, 1000))
	empty.LogStart = 1000
	drain := func(s float64) *float64 { return &s }
	for _, c := range []struct {
		name          string
		before, after server.GroupPartition
		took          time.Duration
		want          *server.GroupRate
	}{
		{"drains", at(100, 1000), at(300, 1100), 2 * time.Second, &server.GroupRate{Consumed: 100, Produced: 50, Drain: drain(16)}},
		{"falls back", at(100, 1000), at(150, 1100), 2 * time.Second, &server.GroupRate{Consumed: 25, Produced: 50}},
		{"stands still", at(100, 1000), at(100, 1000), 2 * time.Second, &server.GroupRate{}},
		{"up to date", at(1000, 1000), at(1100, 1100), 2 * time.Second, &server.GroupRate{Consumed: 50, Produced: 50, Drain: drain(0)}},
		{"was reset", at(500, 1000), at(100, 1000), 2 * time.Second, &server.GroupRate{Consumed: -200}},
		{"committed for the first time", at(-1, 1000), at(100, 1000), 2 * time.Second, &server.GroupRate{Drain: drain(0)}},
		{"a member committed for the first time", given(at(-1, 1000)), given(at(100, 1000)), 2 * time.Second, &server.GroupRate{Drain: drain(0), Uncommitted: 1}},
		{"a member commits nothing", given(at(-1, 1000)), given(at(-1, 1000)), 2 * time.Second, &server.GroupRate{Drain: drain(0), Uncommitted: 1}},
		{"nobody commits", at(-1, 1000), at(-1, 1000), 2 * time.Second, &server.GroupRate{Drain: drain(0)}},
		{"there is nothing to commit", empty, empty, 2 * time.Second, &server.GroupRate{Drain: drain(0)}},
		{"in no time", at(1, 2), at(2, 2), 0, nil},
	} {
		after := []server.GroupPartition{c.after}
		if d := cmp.Diff(c.want, server.Rates([]server.GroupPartition{c.before}, after, c.took)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, d)
		}
	}
}

// stableAt is a partition in which a transaction is open from an offset on.
func stableAt(p server.GroupPartition, at int64) server.GroupPartition {
	p.LastStable = &at
	return p
}
