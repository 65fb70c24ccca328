package coordinator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// part is one partition. A client of the random world commits for it the epoch
// in which it was told to take it: a position of an older one than the first
// after a rewind is one of before.
type part struct {
	topic     model.TopicID
	partition int32
}

// workOn makes a set the client's work; it notes what is new in it.
func (c *client) workOn(set partitions) {
	took := map[part]int32{}
	for topic, list := range set {
		for _, partition := range list {
			p := part{topic, partition}
			took[p] = c.told
			if c.working.has(topic, partition) {
				took[p] = c.took[p]
			}
		}
	}
	c.working, c.took = set, took
}

// commit commits one partition that a client works on, or, when it is in no
// group, as a tool.
func (w *consumerWorld) commit(rt *rapid.T) {
	c := w.someClient(rt)
	by := rapid.Int32Range(-1, 0).Draw(rt, "off by")
	req := commitRequest(c.group, "t", 0, markMin-1)
	if c.epoch+by >= 0 {
		parts := slices.SortedFunc(maps.Keys(c.took), func(a, b part) int {
			return slices.Compare(append(a.topic[:], byte(a.partition)), append(b.topic[:], byte(b.partition)))
		})
		if len(parts) == 0 {
			return
		}
		p := rapid.SampledFrom(parts).Draw(rt, "partition")
		t, ok := w.shaped.view().TopicByID(p.topic)
		if !ok {
			return
		}
		req = commitRequest(c.group, t.Name, p.partition, int64(c.took[p]))
	}
	req.Version, req.MemberID, req.Generation = 9, c.id, c.epoch+by
	w.groups.CommitOffsets(req, w.callerOf(c), expect(&w.world, w.number(req)))
}

// transact commits in a transaction what a client works on, or ends one. Whose it is
// has nothing to do with the client.
func (w *consumerWorld) transact(rt *rapid.T) {
	who := TxnProducer{ID: rapid.SampledFrom([]model.ProducerID{1, 2}).Draw(rt, "producer")}
	if rapid.IntRange(0, 2).Draw(rt, "end") == 0 {
		w.endTransaction(who, rapid.Bool().Draw(rt, "commit"))
		return
	}
	c := w.someClient(rt)
	t, ok := w.shaped.view().Topic("t")
	if !ok || len(c.working[t.ID]) == 0 {
		return
	}
	p := part{t.ID, rapid.SampledFrom(c.working[t.ID]).Draw(rt, "partition")}
	req := commitRequest(c.group, t.Name, p.partition, int64(c.took[p]))
	req.MemberID, req.Generation = c.id, c.epoch+rapid.Int32Range(-1, 0).Draw(rt, "off by")
	w.commitIn(who, req, func(bool) {})
}

func (w *consumerWorld) endTransaction(who TxnProducer, commit bool) (told *protocol.ErrorCode) {
	unheard := protocol.UnknownServerError
	told = &unheard
	w.groups.EndTransaction(0, who, commit, 0, false, expect(&w.world, func(code protocol.ErrorCode) { *told = code }))
	return told
}

// endTransactions aborts all that are open. As the coordinator of transactions does,
// it tries again while the groups are loading.
func (w *consumerWorld) endTransactions(rt *rapid.T) {
	for id := range model.ProducerID(2) {
		for tries := 0; ; tries++ {
			told := w.endTransaction(TxnProducer{ID: id + 1}, false)
			synctest.Wait()
			if *told == protocol.NoError {
				break
			}
			if tries == 10 {
				rt.Fatalf("the transaction of producer %d cannot be ended: %s", id+1, *told)
			}
			w.clock.Advance(time.Second)
			synctest.Wait()
		}
	}
}

// rewind takes a group somewhere, whatever it is doing.
func (w *consumerWorld) rewind(rt *rapid.T) {
	marks := TopicMarks{Topic: rapid.SampledFrom([]string{"t", "t", "u"}).Draw(rt, "topic")}
	for partition := range int32(2) {
		if rapid.Bool().Draw(rt, "partition") {
			marks.Partitions = append(marks.Partitions, PartitionMark{Partition: partition, Offset: markMin})
		}
	}
	req := RewindRequest{Group: w.group(rt), ID: "r", Marks: []TopicMarks{marks}}
	w.groups.Rewind(req, expect(&w.world, func(RewindStatus) {}))
}

// callOff rewinds what a client works on, lets it commit that, and takes the rewind
// back, at once or after a restart.
func (w *consumerWorld) callOff(rt *rapid.T) {
	c := w.someClient(rt)
	t, ok := w.shaped.view().Topic("t")
	if !ok || len(c.working[t.ID]) == 0 {
		return
	}
	p := part{t.ID, rapid.SampledFrom(c.working[t.ID]).Draw(rt, "partition")}
	req := RewindRequest{Group: c.group, ID: "c", Marks: []TopicMarks{{Topic: t.Name, Partitions: []PartitionMark{{Partition: p.partition, Offset: markMin}}}}}
	w.groups.Rewind(req, expect(&w.world, func(RewindStatus) {}))
	synctest.Wait()
	commit := commitRequest(c.group, t.Name, p.partition, int64(c.took[p]))
	commit.Version, commit.MemberID, commit.Generation = 9, c.id, c.epoch
	w.groups.CommitOffsets(commit, w.callerOf(c), expect(&w.world, w.number(commit)))
	synctest.Wait()
	if rapid.Bool().Draw(rt, "restart") {
		w.restart(rt)
	}
	w.undo(rt)
}

// checkRewound looks at what is left when all is quiet: no rewind is under way,
// who works on what was marked took it after the marks were committed, and no
// position of before came over them.
func (w *consumerWorld) checkRewound(rt *rapid.T) {
	m := w.groups.machine(0)
	for _, g := range m.groups {
		if g.isEmptying() {
			rt.Fatalf("group %s is still being rewound", g.id)
		}
	}
	for _, c := range w.clients {
		g := m.groups[c.group]
		if c.gone || g == nil || g.consumer == nil || g.consumer.members[c.id] == nil || g.rewind == nil {
			continue
		}
		marked := g.rewind.parts()
		for p, told := range c.took {
			if _, ok := marked[p]; ok && told < g.rewind.ignoreBelow {
				rt.Fatalf("%s took %v in epoch %d, rewound before %d", c.id, p, told, g.rewind.ignoreBelow)
			}
		}
	}
	if err := checkPositions(w.journal.All()); err != nil {
		rt.Fatal(err)
	}
}

// parts are the partitions that the rewind marks.
func (r *rewind) parts() map[part]struct{} {
	out := map[part]struct{}{}
	for _, t := range r.topics {
		for _, mark := range t.partitions {
			out[part{t.id, mark.partition}] = struct{}{}
		}
	}
	return out
}

// mayGo reports whether a rewind that is under way may take a partition there: to
// its mark, or nowhere.
func (g *group) mayGo(topic string, id model.TopicID, partition int32, offset int64) bool {
	if !g.isEmptying() {
		return false
	}
	mark, ok := find(g.rewind.topics, topic, id, partition)
	now, _ := g.offsets.get(topic, partition)
	return ok && (offset == mark.mark || offset == now.offset)
}

// checkPositions reads the log as it was written: once the marks of a rewind are
// committed, no position may come that was taken before, whatever other rewinds
// follow, as long as the group counts on. What a group gets from the members of the
// broadcast group that it was has another count.
func checkPositions(records []Record) error {
	m := newMachine()
	below, shared := map[string]map[part]int32{}, map[string]bool{}
	for _, r := range records {
		if r.Value != nil && r.Key[1] <= 1 && r.Key[0] == 0 {
			var key kmsg.OffsetCommitKey
			if err := key.ReadFrom(r.Key); err != nil {
				return err
			}
			c, err := decodeOffset(r)
			if err != nil {
				return err
			}
			if base, _, ok := strings.Cut(key.Group, cellInfix); ok {
				shared[base] = true
			}
			least := below[key.Group][part{c.topic, key.Partition}]
			if shared[key.Group] {
				least = 0
			}
			if c.offset < int64(least) && !m.groups[key.Group].mayGo(key.Topic, c.topic, key.Partition, c.offset) {
				return fmt.Errorf("%s of %s-%d: a position of epoch %d was stored, rewound before %d", key.Group, key.Topic, key.Partition, c.offset, least)
			}
		}
		before := m.positions(below)
		if err := m.Replay(r); err != nil {
			return err
		}
		for at, offset := range m.positions(below) {
			if r.Txn != nil && r.Txn.End == shard.EndCommit && !shared[at.group] && offset != before[at] && offset < int64(below[at.group][at.part]) {
				return fmt.Errorf("%s of t-%d: a transaction committed a position of epoch %d, which was rewound", at.group, at.partition, offset)
			}
		}
		maps.DeleteFunc(below, func(id string, _ map[part]int32) bool {
			g := m.groups[id]
			return g == nil || g.consumer == nil || !g.consumer.recorded
		})
		for id, g := range m.groups {
			if g.consumer == nil || g.rewind.shown() != RewindDone {
				continue
			}
			if below[id] == nil {
				below[id] = map[part]int32{}
			}
			for p := range g.rewind.parts() {
				below[id][p] = g.rewind.ignoreBelow
			}
		}
	}
	return nil
}

// groupPart is a partition as one group has it.
type groupPart struct {
	part

	group string
}

// positions are those of topic t that were rewound.
func (m *machine) positions(below map[string]map[part]int32) map[groupPart]int64 {
	all := map[groupPart]int64{}
	for id, parts := range below {
		for p := range parts {
			if g := m.groups[id]; g != nil {
				if c, ok := g.offsets.get("t", p.partition); ok && c.topic == p.topic {
					all[groupPart{p, id}] = c.offset
				}
			}
		}
	}
	return all
}
