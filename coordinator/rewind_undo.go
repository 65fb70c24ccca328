package coordinator

import (
	"slices"

	"github.com/mainstem-mq/mainstem/protocol"
)

// UndoRewind takes a rewind back. One that is not done is called off; one that
// is done is rewound to what was committed before, or to where the group has come
// since if that is further. id is the rewind's, or "" for whichever there is.
// Refused with INVALID_REQUEST is what would move nothing.
func (g *Groups) UndoRewind(group, id, newID string, reply func(RewindStatus)) {
	g.askRewind(group, reply, func(m *machine, s *step) *protocol.Error { return m.undoRewind(s, group, id, newID) })
}

// PlanUndo does nothing, and refuses what UndoRewind would. The answer is of the
// rewind that would be taken back; its marks say where to.
func (g *Groups) PlanUndo(group, id string, reply func(RewindStatus)) {
	g.askRewind(group, reply, func(m *machine, s *step) *protocol.Error {
		_, refused := m.planUndo(s, group, id)
		return refused
	})
}

// undoRewind calls a rewind off, or starts another one that takes it back.
func (m *machine) undoRewind(s *step, group, id, newID string) *protocol.Error {
	topics, refused := m.planUndo(s, group, id)
	if refused != nil {
		return refused
	}
	g := m.groups[group]
	if len(topics) == 0 {
		m.callOffRewind(s, g)
		return nil
	}
	m.startRewind(s, g, &rewind{
		id: newID, phase: rewindEmptying, started: s.wall(), ended: noTime, topics: topics, undoes: true,
	})
	return nil
}

// planUndo is all that can refuse an undo, and where it goes. Nowhere: the rewind
// is not done, so it is called off.
func (m *machine) planUndo(s *step, group, id string) ([]rewindTopic, *protocol.Error) {
	refuse := func(format string, args ...any) ([]rewindTopic, *protocol.Error) {
		return nil, protocol.Errorf(protocol.InvalidRequest, format, args...)
	}
	if refused := m.checkRewindable(s, group); refused != nil {
		return nil, refused
	}
	g := m.groups[group]
	r := g.rewind
	switch {
	case r.shown() == RewindNone:
		return refuse("group %q has no rewind to undo: there was none, or it is more than an hour ago", group)
	case id != "" && id != r.id:
		return refuse("the rewind %s is not the last one of group %q: it was followed by another one, or never was", id, group)
	case r.phase == rewindEmptying:
		return nil, nil
	case r.undoes:
		return refuse("the last rewind of group %q was an undo, which cannot be undone: rewind the group again", group)
	}
	if refused := g.rewindable(); refused != nil {
		return nil, refused
	}
	topics := g.before(s, r)
	switch {
	case len(topics) == 0:
		return refuse("nothing was committed before the rewind of group %q, so there is nothing to go back to", group)
	case !slices.ContainsFunc(topics, rewindTopic.moves):
		return refuse("group %q has come to where it was before the rewind, or is further: nothing would move, so there is nothing to undo", group)
	}
	return topics, nil
}

// undoable is of one that is done and took no other one back.
func (r *rewind) undoable() bool { return r.phase == rewindDone && !r.undoes }

// undone is where an undo takes a partition that is at now: what was skipped comes
// after all; what was rewound goes on where it would be, or is further. Nothing is
// left below start. -1: it stays.
func (p rewindMark) undone(now, start int64) int64 {
	switch {
	case p.saved < 0:
		return -1
	case p.mark <= p.saved:
		return max(p.saved, now, start)
	}
	return max(p.saved, start)
}

// before is where a rewind's partitions go when it is undone.
func (g *group) before(s *step, r *rewind) []rewindTopic {
	var topics []rewindTopic
	for _, old := range r.topics {
		if !s.is(old) {
			continue
		}
		t := rewindTopic{name: old.name, id: old.id}
		for _, p := range old.partitions {
			now := g.savedOf(s, old.name, p.partition)
			if mark := p.undone(now, s.logStart(old.name, p.partition)); mark >= 0 {
				t.partitions = append(t.partitions, rewindMark{p.partition, mark, now})
			}
		}
		if len(t.partitions) > 0 {
			topics = append(topics, t)
		}
	}
	return topics
}

// is reports whether the topic of that name is still the one that was marked.
func (s *step) is(t rewindTopic) bool {
	now := s.topic(t.name)
	return now.exists && now.id == t.id
}

// moves reports whether one of the partitions is not where it goes.
func (t rewindTopic) moves() bool {
	return slices.ContainsFunc(t.partitions, func(p rewindMark) bool { return p.mark != p.saved })
}
