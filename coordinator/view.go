package coordinator

import (
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// View is the metadata of one moment, as far as groups need it. It never
// changes; a step takes one and keeps it. All methods may be called from any
// goroutine and must be cheap.
type View interface {
	// Version rises with each change of the metadata.
	Version() int64
	// Topic finds a topic by its name.
	Topic(name string) (Topic, bool)
	// TopicByID finds a topic by its id.
	TopicByID(id model.TopicID) (Topic, bool)
	// Topics lists all, in no order, until yield returns false.
	Topics(yield func(Topic) bool)
	// Racks are those of the replicas of each of a topic's partitions; nil if none
	// is known.
	Racks(topic model.TopicID) [][]string
	// Rules are what is set on a group.
	Rules(group string) Rules
}

// Topic is one topic of a View.
type Topic struct {
	Name       string
	ID         model.TopicID // zero: not known
	Partitions int32
	Internal   bool // patterns never match it
}

// Rules are the settings of one group; what is zero is the broker's to say.
type Rules struct {
	Broadcast bool          // every member gets every partition
	Session   time.Duration // consumer.session.timeout.ms
	Heartbeat time.Duration // consumer.heartbeat.interval.ms
	Assignor  string        // mainstem.consumer.assignor
}

// session is how long a silent member of a consumer group stays. A group keeps
// its setting when the broker's bounds move, and is held to them.
func (s *step) session(group string) time.Duration {
	return s.config.ConsumerSession.resolve(s.rules(group).Session)
}

// rules are what is set on a group; members' cells have those of their base.
func (s *step) rules(group string) Rules {
	base, _ := baseOf(group)
	return s.view.Rules(base)
}

// TopicsChanged tells the groups that topics of these names were created, were
// deleted or have more partitions now: those that subscribe to one look at it
// again. It never waits for a shard.
func (g *Groups) TopicsChanged(names []string) {
	for shard := range g.shards.Len() {
		// A group that is loaded later looks at its topics anyway.
		g.shards.Post(shard, func(m *machine, s *step) { m.topicsChanged(s, names) }, nil)
	}
}

func (m *machine) topicsChanged(s *step, names []string) {
	for _, g := range m.consumers() {
		if !g.consumed() {
			continue
		}
		// Asked first: patterns that are looked at again forget a topic that is gone.
		concerned := slices.ContainsFunc(names, g.consumer.consumes)
		matched := m.matchNames(s, g, names)
		if !matched && !concerned {
			continue
		}
		if matched || g.consumer.topicsHash(s.view) != g.consumer.hash {
			m.bump(s, g, "subscribed topics changed")
			m.assign(s, g)
			s.cut()
		}
	}
}
