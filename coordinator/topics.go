package coordinator

import (
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// A committed offset belongs to one topic, not to all that will ever have its
// name: with each the topic's id is stored. So it does not matter when the
// offsets of a deleted topic are removed, what was committed meanwhile for a new
// one of that name stays, and what a crash left behind is found at the next load.
// An offset without an id (another broker's) is taken to belong to whichever
// topic has the name.

// topicNow is what a name stands for at the moment of a step.
type topicNow struct {
	id     model.TopicID // zero: not known
	exists bool
}

func (s *step) topic(name string) topicNow {
	t, ok := s.view.Topic(name)
	return topicNow{t.ID, ok}
}

// keeps reports whether an offset belongs to the topic.
func (t topicNow) keeps(c committed) bool {
	return t.exists && (c.topic == t.id || c.topic.IsZero() || t.id.IsZero())
}

// keepsForSure is the same once a topic of that name was deleted: an offset
// without an id may have been that one's.
func (t topicNow) keepsForSure(c committed) bool {
	return t.exists && c.topic == t.id && !t.id.IsZero()
}

// DropTopics removes the offsets of deleted topics from every group of the
// shards that are here, and calls done when that is durable. It tells what
// belonged to a deleted topic from what belongs to a present one of its name.
// An error says that a shard is loading or lost its records; the load that
// follows finds what is left.
func (g *Groups) DropTopics(topics []string, done func(error)) {
	g.shards.Each(func(_ int, m *machine, s *step) { m.dropTopics(s, topics) }, func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			done(protocol.Errorf(code, "the offsets of deleted topics are still there"))
			return
		}
		done(nil)
	})
}

func (m *machine) dropTopics(s *step, topics []string) {
	var room arena
	// In order, so that the same requests always write the same log.
	for _, id := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[id]
		for _, topic := range topics {
			keep := s.topic(topic).keepsForSure
			s.drop(&room, g, topic, keep)
			s.dropPending(&room, g, func(of string, c committed) bool { return of == topic && !keep(c) })
		}
	}
}

// sweep removes, after a load, what nobody removed when its topic was deleted.
func (m *machine) sweep(s *step) {
	var room arena
	dropped := 0
	for _, id := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[id]
		for _, topic := range slices.Sorted(maps.Keys(g.offsets)) {
			dropped += s.drop(&room, g, topic, s.topic(topic).keeps)
		}
		s.dropPending(&room, g, func(topic string, c committed) bool { return !s.topic(topic).keeps(c) })
	}
	if dropped > 0 {
		s.event(Event{Kind: OffsetsDropped, Count: dropped})
	}
}

// drop removes the offsets of one topic that are not kept. One stays, unseen, whose
// tombstone would take with it what is pending for a topic that is kept.
func (s *step) drop(room *arena, g *group, topic string, keep func(committed) bool) int {
	var gone []int32
	for partition, c := range g.offsets[topic] {
		if !keep(c) && !g.hasPending(topic, partition, keep) {
			gone = append(gone, partition)
		}
	}
	slices.Sort(gone)
	for _, partition := range gone {
		s.record(Record{Key: room.offsetKey(g.id, topic, partition)})
		s.cut()
	}
	return len(gone)
}
