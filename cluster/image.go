package cluster

import "github.com/mainstem-mq/mainstem/internal/model"

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
	topics        map[string]*Topic
	topicsByID    map[model.TopicID]*Topic
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
}

// Partition is one partition's metadata, immutable.
type Partition struct {
	ID          model.PartitionID
	Index       int32
	Leader      model.BrokerID
	LeaderEpoch model.LeaderEpoch // as of the metadata; see Metadata.LeaderEpoch
	// EpochUncleanStarts is the leader's count of unclean starts when
	// LeaderEpoch was written: the true epoch is LeaderEpoch + starts since.
	EpochUncleanStarts uint32
	Replicas           []model.BrokerID
	ISR                []model.BrokerID
}

// Topic finds a topic by name.
func (i *Image) Topic(name string) (*Topic, bool) { t, ok := i.topics[name]; return t, ok }

// TopicByID finds a topic by id.
func (i *Image) TopicByID(id model.TopicID) (*Topic, bool) { t, ok := i.topicsByID[id]; return t, ok }

// TopicCount is the number of topics, internal ones included.
func (i *Image) TopicCount() int { return len(i.topics) }

// Topics calls f for each topic, in no order, until it returns false.
func (i *Image) Topics(f func(*Topic) bool) {
	for _, t := range i.topics {
		if !f(t) {
			return
		}
	}
}
