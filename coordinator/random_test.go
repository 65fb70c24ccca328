package coordinator

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// seedsMin is how many random conversations a plain test run holds.
const seedsMin = 2000

// TestRandomConversations lets clients do what they like, right and wrong,
// while the journal is slow, loses appends and fails to load. After every step
// the machine must be what its records say and every invariant must hold; at
// the end every request must have had its one answer.
func TestRandomConversations(t *testing.T) {
	shardtest.Flags(t, map[string]int{"rapid.checks": seedsMin})
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			w := newWorld(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"": w.check, "join": w.join, "join more": w.join, "rejoin": w.rejoin, "sync": w.sync,
				"settle": w.settle, "settle again": w.settle,
				"heartbeat": w.heartbeat, "leave": w.leave, "commit": w.commit, "simple": w.simple,
				"fetch": w.fetch, "reincarnate": w.reincarnate, "fetch reincarnated": w.fetchReincarnated, "delete": w.delete, "advance": w.advance, "journal": w.disturb, "restart": w.restart, "move": w.move, "inherit": w.inherit, "rewind": w.rewind, "undo": w.undo, "hang up": w.hangUp, "switch": w.switchMode,
				"txn commit": w.txnCommit, "txn end": w.txnEnd, "txn fetch": w.txnFetch, "txn any": w.txnAny, "txn given up": w.txnGivenUp,
			})
			w.end(rt)
		})
	})
}

// identity is what a client knows of its membership.
type identity struct {
	group, id string
	instance  *string
	gen       int32
	leads     []string // the members it has to assign to
}

// world is one coordinator with one shard, its clients and their knowledge.
type world struct {
	clock    *clock.Manual
	journal  *shard.Memory
	groups   *Groups
	known    []identity
	asked    int
	answered int
	twice    bool
	suffix   int

	commits   []*sentCommit // of single partitions
	appendMax int           // bytes of an append; 0: enough for whatever goes together

	connections [3]*Session
	broadcast   map[string]bool // the mode of groups

	// A group of its own, whose offsets only grow: what was acknowledged or shown
	// may never be missing from a later answer. They are those of the first and
	// the last record of commits that take several appends.
	sent       int64
	seen       [2]int64
	lostOffset string

	// How often topic v was deleted and made: odd when it is gone. What is
	// committed for it is this number, so no other may ever be fetched.
	incarnation int64

	txns txns
}

func newWorld(rt *rapid.T) *world {
	w := &world{broadcast: map[string]bool{}, clock: clock.NewManual(time.UnixMilli(1_000_000)), journal: &shard.Memory{}}
	w.journal.Refuses = w.refusesAppend
	w.start(rt)
	return w
}

func (w *world) refuses(_ int32, txn *shard.Txn, ahead TxnAhead) protocol.ErrorCode {
	return refusedBehind(w.journal, txn, ahead)
}

func (w *world) start(rt *rapid.T) {
	config := DefaultConfig()
	config.Shards, config.MembersMax, config.BatchBytesMax = 1, 3, 300
	config.OffsetsRetention, config.OffsetsCheckInterval = 2*time.Minute, time.Minute
	groups, err := New(func() Config { return config }, Env{
		Clock:        w.clock,
		Journals:     func(int32) Journal { return w.journal },
		View:         w.view,
		MemberSuffix: func() string { w.suffix++; return strconv.Itoa(w.suffix) },
		Refuses:      w.refuses,
	})
	if err != nil {
		rt.Fatal(err)
	}
	w.groups = groups
	for i := range w.connections {
		w.connections[i] = groups.NewSession()
	}
	go func() { _ = w.groups.Load(0) }() // a failure is retried
	synctest.Wait()
}

// expect counts a request and makes the reply that may come once.
func expect[R any](w *world, f func(R)) func(R) {
	w.asked++
	done := false
	return func(r R) {
		w.twice = w.twice || done
		done = true
		w.answered++
		f(r)
	}
}

func (w *world) group(rt *rapid.T) string {
	return rapid.SampledFrom([]string{"g", "g", "h", "h", "k"}).Draw(rt, "group")
}

func (w *world) someone(rt *rapid.T) *identity {
	if len(w.known) == 0 {
		return &identity{group: "g", id: "nobody"}
	}
	return &w.known[rapid.IntRange(max(0, len(w.known)-6), len(w.known)-1).Draw(rt, "who")]
}

func (w *world) join(rt *rapid.T) {
	me := identity{group: w.group(rt)}
	if rapid.Bool().Draw(rt, "static") {
		instance := rapid.SampledFrom([]string{"i", "j"}).Draw(rt, "instance")
		me.instance = &instance
	}
	w.sendJoin(rt, me, rapid.SampledFrom([]int16{3, 8, 9}).Draw(rt, "version"))
}

func (w *world) rejoin(rt *rapid.T) { w.sendJoin(rt, *w.someone(rt), 9) }

func (w *world) sendJoin(rt *rapid.T, me identity, version int16) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = version, me.group, me.id, me.instance
	req.SessionTimeoutMillis = 10_000
	req.RebalanceTimeoutMillis = rapid.SampledFrom([]int32{5_000, 30_000}).Draw(rt, "rebalance timeout")
	req.ProtocolType = rapid.SampledFrom([]string{"consumer", "consumer", "consumer", "connect"}).Draw(rt, "type")
	for _, name := range rapid.SampledFrom([][]string{{"a", "b"}, {"a", "b"}, {"b", "a"}, {"b"}}).Draw(rt, "protocols") {
		topics := rapid.SampledFrom([][]string{{"t"}, {"u"}, {"t", "u"}}).Draw(rt, "topics")
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: subscription(topics)})
	}
	w.groups.Join(req, w.caller(), expect(w, func(r *kmsg.JoinGroupResponse) {
		if r.ErrorCode != 0 && protocol.ErrorCode(r.ErrorCode) != protocol.MemberIDRequired {
			return
		}
		now := identity{group: me.group, id: r.MemberID, instance: me.instance, gen: r.Generation}
		for _, m := range r.Members {
			now.leads = append(now.leads, m.MemberID)
		}
		w.known = slices.DeleteFunc(w.known, func(k identity) bool { return k.id == now.id })
		if len(w.known) == 8 {
			w.known = w.known[1:]
		}
		w.known = append(w.known, now)
	}))
}

func (w *world) sync(rt *rapid.T) { w.sendSync(*w.someone(rt)) }

func (w *world) sendSync(me identity) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 3, me.group, me.id, me.instance, me.gen
	for _, id := range me.leads {
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
			MemberID: id, MemberAssignment: fmt.Appendf(nil, "%s@%d", id, me.gen),
		})
	}
	w.groups.Sync(req, w.caller(), expect(w, func(*kmsg.SyncGroupResponse) {}))
}

// settle lets a group come to rest: members do what well-behaved clients do.
func (w *world) settle(rt *rapid.T) {
	w.journal.Set(func(j *shard.MemoryState) { j.Hold, j.LoadErr = false, nil })
	w.journal.Release(-1)
	for range 2 {
		w.clock.Advance(3 * time.Second)
		synctest.Wait()
		for _, me := range slices.Clone(w.known) {
			if me.gen < 0 {
				w.sendJoin(rt, me, 9)
				continue
			}
			w.sendSync(me)
		}
		synctest.Wait()
	}
}

func (w *world) heartbeat(rt *rapid.T) {
	me := w.someone(rt)
	w.groups.Heartbeat(&kmsg.HeartbeatRequest{
		Version: 4, Group: me.group, MemberID: me.id, InstanceID: me.instance, Generation: me.gen,
	}, w.caller(), expect(w, func(*kmsg.HeartbeatResponse) {}))
}

func (w *world) leave(rt *rapid.T) {
	me := w.someone(rt)
	req := &kmsg.LeaveGroupRequest{Version: 5, Group: me.group}
	m := kmsg.LeaveGroupRequestMember{MemberID: me.id, InstanceID: me.instance}
	if me.instance != nil && rapid.Bool().Draw(rt, "by instance") {
		m.MemberID = ""
	}
	req.Members = append(req.Members, m)
	w.groups.Leave(req, w.caller(), expect(w, func(*kmsg.LeaveGroupResponse) {}))
}

func commitRequest(group, topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group = 8, group
	part := kmsg.NewOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset = partition, offset
	req.Topics = []kmsg.OffsetCommitRequestTopic{{
		Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{part},
	}}
	return req
}

func (w *world) commit(rt *rapid.T) {
	me := w.someone(rt)
	topic := rapid.SampledFrom([]string{"t", "u", "v"}).Draw(rt, "topic")
	req := commitRequest(me.group, topic, rapid.Int32Range(0, 3).Draw(rt, "partition"), w.incarnation)
	if rapid.Bool().Draw(rt, "as member") {
		req.MemberID, req.InstanceID, req.Generation = me.id, me.instance, me.gen
	}
	w.groups.CommitOffsets(req, w.caller(), expect(w, w.number(req)))
}

// growing are the partitions of the group that only grows, growingGroup.
const (
	growing      = 8
	growingGroup = "grows"
)

// simple commits the next offset of the group that only grows.
func (w *world) simple(*rapid.T) {
	w.sent++
	offset := w.sent
	req := commitRequest(growingGroup, "t", 0, offset)
	req.Version, req.RetentionTimeMillis = 4, 1<<40 // it shall never expire
	for i := int32(1); i < growing; i++ {
		req.Topics[0].Partitions = append(req.Topics[0].Partitions,
			kmsg.OffsetCommitRequestTopicPartition{Partition: i, Offset: offset})
	}
	w.groups.CommitOffsets(req, w.caller(), expect(w, func(r *kmsg.OffsetCommitResponse) {
		if r.Topics[0].Partitions[0].ErrorCode == 0 {
			w.seen[0], w.seen[1] = max(w.seen[0], offset), max(w.seen[1], offset)
		}
	}))
}

func (w *world) fetch(*rapid.T) {
	least := w.seen
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.Group = 7, growingGroup
	req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0, growing - 1}}}
	w.groups.FetchOffsets(req, w.caller(), expect(w, func(r *kmsg.OffsetFetchResponse) {
		if r.ErrorCode != 0 {
			return
		}
		for i, p := range r.Topics[0].Partitions {
			if p.Offset > w.sent || least[i] > 0 && p.Offset < least[i] {
				w.lostOffset = fmt.Sprintf("fetched %d after %d was seen, %d sent", p.Offset, least[i], w.sent)
			}
			w.seen[i] = max(w.seen[i], p.Offset)
		}
	}))
}

func (w *world) delete(rt *rapid.T) {
	group := w.group(rt)
	switch rapid.IntRange(0, 2).Draw(rt, "what") {
	case 0:
		w.groups.DeleteGroups(&kmsg.DeleteGroupsRequest{Groups: []string{group}},
			expect(w, func(*kmsg.DeleteGroupsResponse) {}))
	case 1:
		w.groups.DeleteOffsets(&kmsg.OffsetDeleteRequest{Group: group, Topics: []kmsg.OffsetDeleteRequestTopic{{
			Topic: "t", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}, {Partition: 1}},
		}}}, expect(w, func(*kmsg.OffsetDeleteResponse) {}))
	case 2:
		w.groups.DropTopics([]string{"v", "u"}, expect(w, func(error) {}))
	}
}

func (w *world) view() View {
	now := w.incarnation
	return testView{modes: maps.Clone(w.broadcast), id: func(name string) (model.TopicID, bool) {
		if name != "v" {
			return model.TopicID{255}, true
		}
		return model.TopicID{byte(now + 1), byte(now >> 8)}, now%2 == 0
	}}
}

// reincarnate deletes a topic or makes a new one of its name; its offsets are
// removed then, later or, after a crash, at the next load.
func (w *world) reincarnate(rt *rapid.T) {
	w.incarnation++
	if rapid.Bool().Draw(rt, "drop") {
		w.groups.DropTopics([]string{"v"}, expect(w, func(error) {}))
	}
}

func (w *world) fetchReincarnated(rt *rapid.T) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.Group = 7, w.group(rt)
	if rapid.Bool().Draw(rt, "by name") {
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "v", Partitions: []int32{0, 1, 2, 3}}}
	}
	now := w.incarnation
	w.groups.FetchOffsets(req, w.caller(), expect(w, func(r *kmsg.OffsetFetchResponse) {
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				if t.Topic == "v" && p.Offset != -1 && (p.Offset != now || now%2 == 1) {
					w.lostOffset = fmt.Sprintf("fetched %d of the topic's incarnation %d", p.Offset, now)
				}
			}
		}
	}))
}

func (w *world) advance(rt *rapid.T) {
	by := rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Second, 9 * time.Second, time.Minute}).Draw(rt, "by")
	w.clock.Advance(by)
}

func (w *world) disturb(rt *rapid.T) {
	switch rapid.IntRange(0, 6).Draw(rt, "how") {
	case 0:
		w.journal.Set(func(j *shard.MemoryState) { j.Hold = true })
	case 1, 2, 3:
		w.journal.Set(func(j *shard.MemoryState) { j.Hold = false })
		w.journal.Release(-1)
	case 4:
		w.journal.Release(1)
	case 5:
		w.journal.Lose()
	case 6:
		fail := rapid.Bool().Draw(rt, "break")
		w.journal.Set(func(j *shard.MemoryState) {
			j.LoadErr = nil
			if fail {
				j.LoadErr = shard.ErrMemory
			}
		})
	}
}

func (w *world) restart(rt *rapid.T) {
	w.groups.Close()
	shardtest.Settle(rt, w.journal)
	w.journal.Set(func(j *shard.MemoryState) { j.Broken, j.LoadErr = false, nil })
	w.start(rt)
}

// inherit restarts after another broker wrote records of a consumer group, or
// part of them; not over a classic group, which is taken out first.
func (w *world) inherit(rt *rapid.T) {
	records := rapid.SliceOfN(consumerRecords("k"), 0, 8).Draw(rt, "inherited")
	w.groups.Close()
	shardtest.Settle(rt, w.journal)
	w.journal.Set(func(j *shard.MemoryState) {
		m := newMachine()
		for _, r := range j.Durable {
			if err := m.Replay(r); err != nil {
				rt.Fatal(err)
			}
		}
		if g := m.groups["k"]; g == nil || g.stored == nil {
			j.Durable = append(j.Durable, records...)
		}
		j.Broken, j.LoadErr = false, nil
	})
	w.start(rt)
}

// move takes the shard away and brings it back, whatever is under way and held.
func (w *world) move(rt *rapid.T) {
	w.groups.Unload(0)
	shardtest.Settle(rt, w.journal)
	go func() { _ = w.groups.Load(0) }() // a failure is retried
	synctest.Wait()
}

func (w *world) check(rt *rapid.T) {
	synctest.Wait()
	if w.twice || w.lostOffset != "" || w.txns.wrong != "" {
		rt.Fatalf("answered twice: %v; %s; %s", w.twice, w.lostOffset, w.txns.wrong)
	}
	w.groups.shards.Peek(0, func(m *machine, held []Record) {
		if err := checkMachine(m); err != nil {
			rt.Error(err)
		}
		if len(m.guards) > 0 {
			rt.Errorf("%d guards that nobody holds", len(m.guards))
		}
		if n := w.journal.Pending(); n == 0 && len(held) == 0 && len(m.ending) > 0 {
			rt.Errorf("%d markers are on their way, and no append is", len(m.ending))
		}
		// What is held was applied already, and is nowhere but in the outbox.
		if err := checkDurable(m, append(w.journal.All(), held...)); err != nil {
			rt.Error(err)
		}
	})
	if rt.Failed() {
		rt.FailNow()
	}
}

func (w *world) end(rt *rapid.T) {
	w.groups.Close()
	w.journal.Release(-1)
	synctest.Wait()
	if w.answered != w.asked {
		rt.Fatalf("%d requests, %d answers", w.asked, w.answered)
	}
	w.checkJournal(rt)
}

// checkJournal restarts from any point of the journal, and from what compaction
// leaves of it: the last record of each key.
func (w *world) checkJournal(rt *rapid.T) {
	records := w.journal.All()
	cut := w.appendMax > 0
	plain := slices.DeleteFunc(slices.Clone(records), func(r Record) bool { return r.Txn != nil })
	if err := checkAnswered(plain, w.commits, w.groups.env.View(), cut); err != nil {
		rt.Fatal(err)
	}
	if err := checkMarks(plain); err != nil && !cut {
		rt.Fatal(err)
	}
	config := DefaultConfig()
	config.MembersMax = rapid.IntRange(1, 4).Draw(rt, "size after restart")
	point := records[:rapid.IntRange(0, len(records)).Draw(rt, "restart at")]
	restarted := newMachine()
	for _, r := range point {
		if err := restarted.Replay(r); err != nil {
			rt.Fatal(err)
		}
	}
	if err := checkDurable(restarted, compact(point)); err != nil {
		rt.Fatalf("compacted: %v", err)
	}
	after := anyView()
	after.modes = map[string]bool{"": rapid.Bool().Draw(rt, "broadcast after restart")}
	restarted.restore(&step{Turn: shard.Turn{Now: w.clock.Now()}, config: &config, suffix: func() string { return "x" }, view: after})
	if err := checkMachine(restarted); err != nil {
		rt.Fatalf("restarted: %v", err)
	}
}
