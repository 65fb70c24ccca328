package cluster

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Image is an immutable snapshot of all metadata. Readers take the current
// one (Metadata.Image) and keep it as long as they like; nothing in it ever
// changes. Maps are shared between images: never write to them.
type Image struct {
	Version       uint64 // rises with each applied change
	ClusterID     string
	Brokers       []Broker // sorted by id
	Controller    model.BrokerID
	BrokerConfigs map[string]string                    // cluster-wide dynamic broker configs
	NodeConfigs   map[model.BrokerID]map[string]string // dynamic configs of one broker
	GroupConfigs  map[string]map[string]string
	ClientMetrics map[string]map[string]string // the configs of subscriptions, by name
	Quotas        map[model.QuotaEntity]map[string]float64
	QuotaEpoch    uint64 // the Version at the last change of a quota
	MetricsEpoch  uint64 // the Version at the last change of a subscription
	topics        *shardMap[string, *Topic]
	topicsByID    *shardMap[model.TopicID, *Topic]
	ids           idState
	sorted        *sortedTopics // nil while the image is in the making
}

// sortedTopics is the topics by name, put in order when somebody first asks.
type sortedTopics struct {
	once sync.Once
	list []*Topic
}

// idState is what was given out and never comes back.
type idState struct {
	node          model.BrokerID    // whose metadata this is
	nextPartition model.PartitionID // the next to give; all below are live or dropped
	dropped       idRanges
	nextProducer  model.ProducerID
	configEpoch   uint64 // the Version at the last change of a broker config; see Resolver
	// collisions finds a topic by its name with dots read as underscores; it
	// holds only names that have one of the two.
	collisions *shardMap[string, string]
}

// Broker is one node as clients see it; endpoints by listener name are the
// server's business and come from its configuration.
type Broker struct {
	ID   model.BrokerID
	Rack string
}

// Topic is one topic, immutable.
type Topic struct {
	Name       string
	ID         model.TopicID
	Partitions []Partition       // by index
	Configs    map[string]string // what was set explicitly
	Internal   bool

	// settings is a cache that Resolver fills: the only thing here that changes.
	settings atomic.Pointer[TopicSettings]
}

// Partition is one partition's metadata, immutable.
type Partition struct {
	ID          model.PartitionID
	Index       int32
	Leader      model.BrokerID
	LeaderEpoch model.LeaderEpoch // as of the metadata; see EpochAt
	// EpochUncleanStarts is the leader's count of unclean starts when
	// LeaderEpoch was written: the true epoch is LeaderEpoch + starts since.
	EpochUncleanStarts uint32
	Replicas           []model.BrokerID
	ISR                []model.BrokerID
}

// EpochAt is the leader epoch once the leader has had that many unclean starts
// in its life. A smaller count than at the time of writing (a new data
// directory) does not lower it.
func (p *Partition) EpochAt(uncleanStarts uint32) model.LeaderEpoch {
	if uncleanStarts <= p.EpochUncleanStarts {
		return p.LeaderEpoch
	}
	return p.LeaderEpoch + model.LeaderEpoch(uncleanStarts-p.EpochUncleanStarts)
}

// Topic finds a topic by name.
func (i *Image) Topic(name string) (*Topic, bool) { return i.topics.get(name) }

// TopicByID finds a topic by id.
func (i *Image) TopicByID(id model.TopicID) (*Topic, bool) { return i.topicsByID.get(id) }

// TopicID is the id of the topic that has the name now.
func (i *Image) TopicID(name string) (model.TopicID, bool) {
	t, ok := i.Topic(name)
	if !ok {
		return model.TopicID{}, false
	}
	return t.ID, true
}

// TopicCount is the number of topics, internal ones included.
func (i *Image) TopicCount() int { return i.topics.len() }

// Topics calls f for each topic, in no order, until it returns false.
func (i *Image) Topics(f func(*Topic) bool) {
	i.topics.all(func(_ string, t *Topic) bool { return f(t) })
}

// TopicsByName returns all topics in order of their names, which are sorted once
// for an image. The list is shared: never write to it.
func (i *Image) TopicsByName() []*Topic {
	if i.sorted == nil {
		return i.sortTopics()
	}
	i.sorted.once.Do(func() { i.sorted.list = i.sortTopics() })
	return i.sorted.list
}

func (i *Image) sortTopics() []*Topic {
	list := make([]*Topic, 0, i.TopicCount())
	i.Topics(func(t *Topic) bool {
		list = append(list, t)
		return true
	})
	slices.SortFunc(list, func(a, b *Topic) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Gone calls f for each topic that a later image has no more, in no order.
func (i *Image) Gone(later *Image, f func(*Topic)) {
	if slices.Equal(i.ids.dropped, later.ids.dropped) {
		return // Nearly always: with many topics it must not cost a walk.
	}
	i.topicsByID.all(func(id model.TopicID, t *Topic) bool {
		if _, ok := later.TopicByID(id); !ok {
			f(t)
		}
		return true
	})
}

// Reshaped calls f for each name of which a later image has a topic that this
// one has not, or another one, or one of another number of partitions, and for
// each that it has no more. In no order.
func (i *Image) Reshaped(later *Image, f func(name string)) {
	i.topics.differ(later.topics, func(name string) {
		before, had := i.Topic(name)
		after, has := later.Topic(name)
		if had != has || had && (before.ID != after.ID || len(before.Partitions) != len(after.Partitions)) {
			f(name)
		}
	})
}

// NextProducerID is the lowest producer id that was not reserved yet.
func (i *Image) NextProducerID() model.ProducerID { return i.ids.nextProducer }

// Broker finds a broker by id.
func (i *Image) Broker(id model.BrokerID) (Broker, bool) {
	for _, b := range i.Brokers {
		if b.ID == id {
			return b, true
		}
	}
	return Broker{}, false
}

// Standing says what became of a partition id. Ids are given in ascending
// order, so an id that was given and not dropped is alive.
func (i *Image) Standing(id model.PartitionID) Standing {
	switch {
	case id == 0 || id >= i.ids.nextPartition:
		return Unknown
	case i.ids.dropped.contains(id):
		return Dropped
	default:
		return Live
	}
}

// colliding returns the existing topic that differs from name only in dots
// and underscores: metric names could not tell the two apart.
func (i *Image) colliding(name string) (string, bool) {
	if !hasCollisionChars(name) {
		return "", false
	}
	other, ok := i.ids.collisions.get(collisionKey(name))
	return other, ok && other != name
}

func hasCollisionChars(name string) bool { return strings.ContainsAny(name, "._") }

func collisionKey(name string) string { return strings.ReplaceAll(name, ".", "_") }

func topicIDShard(id model.TopicID) uint8 { return id[15] }
