package coordinator

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// A rewind commits offsets of its own, the marks, for a group that is at work.
// Members that still hold the partitions would commit their old positions over
// them, and never look at what is committed. So the group gives everything up
// first, in one rebalance, and takes it again in a second; the marks are written
// between the two, when nobody owns anything. What is committed for the marked
// partitions before them is taken as usual: it counts if the rewind is called off,
// and an undo goes back to it.

// undoWindow is for how long a rewind that is done can be taken back.
const undoWindow = time.Hour

// RewindPhase is how far the rewind of a group has come.
type RewindPhase string

// The phases of a rewind.
const (
	RewindNone     RewindPhase = ""         // there is none, or it cannot be undone any more
	RewindEmptying RewindPhase = "emptying" // members give up what they own; nothing has changed
	RewindDone     RewindPhase = "done"     // the marks are committed
)

// RewindRequest asks to take a group to other offsets while it is at work. It
// replaces a rewind that is not done yet for the partitions that it names.
type RewindRequest struct {
	Group string
	ID    string // names it in RewindStatus; the caller's to choose
	Marks []TopicMarks
}

// TopicMarks are the marks of one topic.
type TopicMarks struct {
	Topic      string
	ID         model.TopicID // zero: whichever has the name
	Partitions []PartitionMark
}

// PartitionMark is where one partition goes.
type PartitionMark struct {
	Partition int32
	Offset    int64
	Before    int64 // in RewindStatus: what was committed, -1 for nothing
	// In RewindStatus of one that can be undone: what is committed now, and where an
	// undo takes it. -1: nothing, and it stays.
	Committed, Undo int64
}

// RewindStatus is the newest rewind of a group.
type RewindStatus struct {
	Group   string
	Code    protocol.ErrorCode // why there is no answer, or what was asked for was refused
	Message string             // the same in words
	ID      string
	Phase   RewindPhase
	Undoes  bool      // it took another one back, and cannot be undone itself
	Started time.Time // zero: RewindNone
	Ended   time.Time // zero: it is not done
	Until   time.Time // it can be undone until then; zero: it cannot
	Ignored int       // commits of the interval, since the shard was loaded
	Marks   []TopicMarks
}

// Rewind starts a rewind. The answer tells that it is durable, not that it is
// done: with members that takes two rebalances. Groups without members are done
// at once. Refused are INVALID_REQUEST (no marks, or bad ones), GROUP_ID_NOT_FOUND,
// UNKNOWN_TOPIC_OR_PARTITION, and INCONSISTENT_GROUP_PROTOCOL for members that do
// not consume.
func (g *Groups) Rewind(req RewindRequest, reply func(RewindStatus)) {
	g.askRewind(req.Group, reply, func(m *machine, s *step) *protocol.Error { return m.rewindTo(s, &req) })
}

// RewindStatus tells of the newest rewind of a group.
func (g *Groups) RewindStatus(group string, reply func(RewindStatus)) {
	g.askRewind(group, reply, func(m *machine, _ *step) *protocol.Error { return m.checkRewound(group) })
}

func (g *Groups) askRewind(group string, reply func(RewindStatus), do func(*machine, *step) *protocol.Error) {
	failed := func(code protocol.ErrorCode) RewindStatus {
		return RewindStatus{Group: group, Code: code, Message: *messageOf(code, group)}
	}
	q := question[RewindStatus]{group, groupID(group), reply, failed}
	q.ask(g, func(m *machine, s *step) RewindStatus {
		refused := do(m, s)
		m.apply(s)
		status := m.rewindStatus(s, group)
		if refused != nil {
			status.Code, status.Message = refused.Code, refused.Message
		}
		return status
	})
}

func (m *machine) rewindStatus(s *step, id string) RewindStatus {
	status := RewindStatus{Group: id}
	g := m.groups[id]
	if g == nil || g.rewind.shown() == RewindNone {
		return status
	}
	r := g.rewind
	status.ID, status.Undoes, status.Started, status.Ended = r.id, r.undoes, timeOf(r.started), timeOf(r.ended)
	status.Phase, status.Ignored = r.shown(), g.emptying.ignored
	if r.undoable() {
		status.Until = r.expires()
	}
	for _, t := range r.topics {
		marks := TopicMarks{Topic: t.name, ID: t.id, Partitions: make([]PartitionMark, 0, len(t.partitions))}
		for _, p := range t.partitions {
			mark := PartitionMark{Partition: p.partition, Offset: p.mark, Before: p.saved, Committed: -1, Undo: -1}
			if r.undoable() && s.is(t) {
				mark.Committed = g.savedOf(s, t.name, p.partition)
				mark.Undo = p.undone(mark.Committed, s.logStart(t.name, p.partition))
			}
			marks.Partitions = append(marks.Partitions, mark)
		}
		status.Marks = append(status.Marks, marks)
	}
	return status
}

// shown is the phase as operators see it.
func (r *rewind) shown() RewindPhase {
	switch {
	case r == nil, len(r.topics) == 0: // or it guards others only
		return RewindNone
	case r.phase == rewindDone:
		return RewindDone
	}
	return RewindEmptying
}

func (m *machine) checkRewound(id string) *protocol.Error {
	if m.groups[id] == nil {
		return protocol.Errorf(protocol.GroupIDNotFound, "%s", *messageOf(protocol.GroupIDNotFound, id))
	}
	return nil
}

// checkRewindable also refuses broadcast groups: the offsets are their members'.
func (m *machine) checkRewindable(s *step, id string) *protocol.Error {
	m.follow(s, id)
	if cells, ok := m.front(s, id); ok {
		return protocol.Errorf(protocol.InconsistentGroupProtocol,
			"each member of group %q has all partitions and offsets of its own (broadcast): rewind them one by one, by their names in the list of groups, such as %q",
			id, cells[0].id)
	}
	return m.checkRewound(id)
}

// rewindTo starts a rewind, after all that can refuse it.
func (m *machine) rewindTo(s *step, req *RewindRequest) *protocol.Error {
	if refused := m.checkRewindable(s, req.Group); refused != nil {
		return refused
	}
	g := m.groups[req.Group]
	if refused := g.rewindable(); refused != nil {
		return refused
	}
	topics, refused := g.marksOf(s, req.Marks)
	if refused != nil {
		return refused
	}
	r := &rewind{id: req.ID, phase: rewindEmptying, started: s.wall(), ended: noTime, topics: g.rewind.merge(topics)}
	if record := rewindRecord(g.id, r); !s.fits(&record) {
		return protocol.Errorf(protocol.InvalidRequest,
			"%d partitions are too many for one rewind on this broker: rewind some topics at a time; nothing was changed", r.count())
	}
	m.startRewind(s, g, r)
	return nil
}

// rewindable refuses groups whose members would not notice.
func (g *group) rewindable() *protocol.Error {
	switch {
	case len(g.order) > 0 && g.protocolType != consumerType:
		return protocol.Errorf(protocol.InconsistentGroupProtocol,
			"the members of group %q speak %q, not %q: what they do with committed offsets is not known", g.id, g.protocolType, consumerType)
	}
	return nil
}

// marksOf checks marks and adds what is committed now. They come in order.
func (g *group) marksOf(s *step, marks []TopicMarks) ([]rewindTopic, *protocol.Error) {
	var topics []rewindTopic
	for i := range marks {
		from := &marks[i]
		known, ok := s.view.Topic(from.Topic)
		if !ok || !from.ID.IsZero() && from.ID != known.ID {
			return nil, protocol.Errorf(protocol.UnknownTopicOrPartition, "there is no topic %q any more", from.Topic)
		}
		t := rewindTopic{name: from.Topic, id: known.ID}
		for _, p := range from.Partitions {
			switch {
			case p.Partition < 0 || known.Partitions > 0 && p.Partition >= known.Partitions:
				return nil, protocol.Errorf(protocol.UnknownTopicOrPartition, "topic %q has no partition %d", from.Topic, p.Partition)
			case p.Offset < 0:
				return nil, protocol.Errorf(protocol.InvalidRequest, "there is no offset %d", p.Offset)
			}
			t.partitions = append(t.partitions, rewindMark{p.Partition, p.Offset, g.savedOf(s, from.Topic, p.Partition)})
		}
		slices.SortFunc(t.partitions, byPartition)
		if twice := len(t.partitions); twice > len(slices.CompactFunc(slices.Clone(t.partitions), func(a, b rewindMark) bool { return a.partition == b.partition })) {
			return nil, protocol.Errorf(protocol.InvalidRequest, "a partition of topic %q is there twice", from.Topic)
		}
		if len(t.partitions) > 0 {
			topics = append(topics, t)
		}
	}
	slices.SortFunc(topics, byTopic)
	for i := 1; i < len(topics); i++ {
		if topics[i].name == topics[i-1].name {
			return nil, protocol.Errorf(protocol.InvalidRequest, "topic %q is there twice", topics[i].name)
		}
	}
	if len(topics) == 0 {
		return nil, protocol.Errorf(protocol.InvalidRequest, "no partition is to be moved")
	}
	return topics, nil
}

// savedOf is what is committed for a partition; -1: nothing.
func (g *group) savedOf(s *step, topic string, partition int32) int64 {
	if c, ok := g.offsets.get(topic, partition); ok && s.topic(topic).keeps(c) {
		return c.offset
	}
	return -1
}

func byTopic(a, b rewindTopic) int    { return cmp.Compare(a.name, b.name) }
func byPartition(a, b rewindMark) int { return cmp.Compare(a.partition, b.partition) }

// merge adds the marks of a rewind that is not done and that others do not replace.
func (r *rewind) merge(topics []rewindTopic) []rewindTopic {
	if r == nil || r.phase == rewindDone {
		return topics
	}
	return overlay(topics, r.topics)
}

// overlay adds to topics what others have besides, of topics that are the same.
func overlay(topics, others []rewindTopic) []rewindTopic {
	merged := slices.Clone(topics)
	for _, old := range others {
		at, ok := slices.BinarySearchFunc(merged, old, byTopic)
		if !ok {
			merged = slices.Insert(merged, at, old)
			continue
		}
		if merged[at].id != old.id {
			continue // the old topic is gone
		}
		list := slices.Clone(merged[at].partitions)
		for _, p := range old.partitions {
			if i, ok := slices.BinarySearchFunc(list, p, byPartition); !ok {
				list = slices.Insert(list, i, p)
			}
		}
		merged[at].partitions = list
	}
	return merged
}

// expires is when a rewind that is done cannot be undone any more.
func (r *rewind) expires() time.Time { return time.UnixMilli(r.ended).Add(undoWindow) }

// ignores reports whether a commit says only where its member was before the
// rewind. A generation below 0 is nobody's, and is believed: the group has no members
// then, or a transaction commits whose client does not say which one it is.
func (r *rewind) ignores(generation int32, topic string, now topicNow, partition int32) bool {
	if r == nil || generation < 0 {
		return false
	}
	if r.phase == rewindDone && generation < r.ignoreBelow && r.takes(topic, now, partition) {
		return true
	}
	guard, ok := find(r.guards, topic, now.id, partition)
	return ok && int64(generation) < guard.mark
}

// guardsOf are what the group's next rewind has to guard besides its own marks: those
// of the ones before, as long as a member may commit from before them.
func (g *group) guardsOf(s *step) []rewindTopic {
	r, slowest := g.rewind, g.slowest()
	if r == nil {
		return nil
	}
	var guards []rewindTopic
	if r.phase == rewindDone && (slowest < r.ignoreBelow || g.consumed() && s.wall()-r.ended < rewindSettles.Milliseconds()) {
		for _, t := range r.topics {
			t.partitions = slices.Clone(t.partitions)
			for i := range t.partitions {
				t.partitions[i].mark, t.partitions[i].saved = int64(r.ignoreBelow), -1
			}
			guards = append(guards, t)
		}
	}
	for _, t := range r.guards {
		behind := func(p rewindMark) bool { return int64(slowest) < p.mark }
		if s.wall()-r.started < rewindSettles.Milliseconds() || slices.ContainsFunc(t.partitions, behind) {
			guards = overlay(guards, []rewindTopic{t})
		}
	}
	return guards
}

// slowest is the oldest generation or epoch that a member is in.
func (g *group) slowest() int32 {
	slowest := g.number()
	for _, member := range g.order {
		if member.behind != 0 {
			slowest = min(slowest, member.behind)
		}
	}
	if g.consumer != nil {
		for _, member := range g.consumer.members {
			slowest = min(slowest, member.current.epoch)
		}
	}
	return slowest
}

// takes reports whether the partition is one that the rewind marks.
func (r *rewind) takes(topic string, now topicNow, partition int32) bool {
	_, ok := find(r.topics, topic, now.id, partition)
	return ok
}

// find looks a partition up in marks, which are in order.
func find(topics []rewindTopic, name string, id model.TopicID, partition int32) (rewindMark, bool) {
	at, ok := slices.BinarySearchFunc(topics, rewindTopic{name: name}, byTopic)
	if !ok || topics[at].id != id {
		return rewindMark{}, false
	}
	list := topics[at].partitions
	if at, ok = slices.BinarySearchFunc(list, rewindMark{partition: partition}, byPartition); !ok {
		return rewindMark{}, false
	}
	return list[at], true
}

func (r *rewind) count() int {
	n := 0
	for _, t := range r.topics {
		n += len(t.partitions)
	}
	return n
}

// expireRewind ends the time in which a rewind can be undone.
func (m *machine) expireRewind(s *step, g *group) {
	if g.rewind != nil && g.rewind.phase == rewindDone {
		s.record(Record{Key: rewindKey(g.id)})
	}
}

// String is the rewind in the reason of a rebalance.
func (r *rewind) String() string { return fmt.Sprintf("rewind of %d partitions", r.count()) }
