package coordinator

import (
	"cmp"
	"slices"
	"sync"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// walkMax is about how many offsets and members of all groups a shard shows in one
// turn: part of a millisecond. A group is never shown in parts.
const walkMax = 2000

// inspectAll has every shard show its groups, turn by turn: whoever commits
// meanwhile waits for one turn only.
func (g *Groups) inspectAll(reply func([]GroupView, protocol.ErrorCode)) {
	parts, codes := make([][]GroupView, g.shards.Len()), make([]protocol.ErrorCode, g.shards.Len())
	all := shard.NewGather(len(parts), func() { reply(slices.Concat(parts...), shard.Worst(codes)) })
	for i := range parts {
		w := &walk{groups: g, shard: int32(i), end: func(views []GroupView, code protocol.ErrorCode) {
			parts[i], codes[i] = views, code
			all.Done()
		}}
		w.post()
	}
}

// walk is a look at all groups of a shard.
type walk struct {
	groups *Groups
	shard  int32
	of     *machine            // nil: not begun
	fronts map[string][]*group // broadcast groups, when it began
	left   []string            // names of groups and of fronts
	views  []GroupView
	end    func([]GroupView, protocol.ErrorCode)
}

// post asks for a turn behind those who wait already.
func (w *walk) post() {
	w.groups.shards.Post(w.shard, w.turn, func(code protocol.ErrorCode) { w.end(nil, code) })
}

// turn shows some groups, and asks for the next turn or, in the last, answers: what
// was shown before is below what it waits for.
func (w *walk) turn(m *machine, s *step) {
	if w.of == nil {
		w.begin(m, s)
	}
	if w.of != m { // what was seen may be lost
		w.end(nil, protocol.CoordinatorLoadInProgress)
		return
	}
	for room := walkMax; room > 0 && len(w.left) > 0; w.left = w.left[1:] {
		from := len(w.views)
		w.look(s, w.left[0])
		for i := range w.views[from:] {
			v := &w.views[from+i]
			room -= 1 + len(v.Members) + v.offsets.count
		}
	}
	if len(w.left) > 0 {
		w.post()
		return
	}
	s.answer(func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			w.views = nil
		}
		w.end(w.views, code)
	})
}

func (w *walk) begin(m *machine, s *step) {
	w.of, w.fronts = m, m.fronts(s)
	w.left = make([]string, 0, len(m.groups))
	for base := range w.fronts {
		w.left = append(w.left, base)
	}
	for id := range m.groups {
		if base, _ := baseOf(id); w.fronts[base] == nil {
			w.left = append(w.left, id)
		}
	}
	w.views = make([]GroupView, 0, len(m.groups)+len(w.fronts))
}

// look shows a group, and of a broadcast group the members' besides. One that is
// gone, or that is new since the walk began, is not shown.
func (w *walk) look(s *step, id string) {
	if w.fronts[id] != nil {
		if cells, ok := w.of.front(s, id); ok {
			v := w.of.inspectFront(s, id, cells)
			w.views = append(w.views, v.Cells...) // groups like others here
			v.Cells = nil
			w.views = append(w.views, v)
			return
		}
	}
	if f := w.of.facades[id]; f != nil && w.fronts[id] != nil { // no front any more
		for _, cell := range f.sorted() {
			w.views = append(w.views, w.of.inspect(s, cell))
		}
	}
	if g := w.of.groups[id]; g != nil {
		w.views = append(w.views, w.of.inspect(s, g))
	}
}

// shownOffsets is what operators are shown of a group's offsets. It is made once
// for all who look until the group commits: most groups are idle most of the time.
type shownOffsets struct {
	version int64 // of the metadata: it tells which topics are there
	count   int
	topics  []TopicOffsets // belongs to who looks: sorted once
	sort    sync.Once
}

// showOffsets are the offsets, without what is left of deleted topics.
func (g *group) showOffsets(s *step) *shownOffsets {
	if g.shown != nil && g.shown.version == s.view.Version() {
		return g.shown
	}
	g.shown = &shownOffsets{version: s.view.Version(), topics: make([]TopicOffsets, 0, len(g.offsets))}
	for topic, partitions := range g.offsets {
		now := s.topic(topic)
		t := TopicOffsets{Topic: topic, ID: now.id, Partitions: make([]PartitionOffset, 0, len(partitions))}
		for partition, c := range partitions {
			if now.keeps(c) {
				t.Partitions = append(t.Partitions, PartitionOffset{Partition: partition, Offset: c.offset, Committed: c.commitTime})
			}
		}
		if len(t.Partitions) > 0 {
			g.shown.topics = append(g.shown.topics, t)
			g.shown.count += len(t.Partitions)
		}
	}
	return g.shown
}

func (v *GroupView) show(o *shownOffsets) { v.Offsets, v.offsets = o.topics, o }

// Sort puts the offsets in order of topic and partition. It is not done on the
// shard, for which all its groups wait. Who reads the offsets sorts them first:
// others may be doing so.
func (v *GroupView) Sort() {
	if v.offsets != nil {
		v.offsets.sort.Do(v.offsets.order)
	}
	for i := range v.Cells {
		v.Cells[i].Sort()
	}
}

func (o *shownOffsets) order() {
	slices.SortFunc(o.topics, func(a, b TopicOffsets) int { return cmp.Compare(a.Topic, b.Topic) })
	for _, t := range o.topics {
		slices.SortFunc(t.Partitions, func(a, b PartitionOffset) int { return cmp.Compare(a.Partition, b.Partition) })
	}
}
