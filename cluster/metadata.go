package cluster

import (
	"github.com/mainstem-mq/mainstem/internal/model"
)

// Metadata is where cluster state is changed and read. On one node it is a
// journal of records with snapshots (Journal); in a cluster it will be the
// raft group. Every change is durable before the method returns, and the
// image that holds it is current. Errors that a client caused are
// *protocol.Error with Kafka's code and a message.
type Metadata interface {
	// Image is the current snapshot; never nil.
	Image() *Image
	// Subscribe calls f after each change, in order, from one goroutine at a
	// time, with the images before and after, which may be several changes apart.
	// It comes before the changes' callers are answered. f must not change metadata.
	Subscribe(f func(before, after *Image))
	// CreateTopics creates each topic or says why not; one durable write for all.
	CreateTopics(specs []TopicSpec) []TopicResult
	// DeleteTopics by name; the partitions' ids stay known as dropped for ever.
	DeleteTopics(names []string) []error
	// CreatePartitions raises a topic's partition count to total.
	CreatePartitions(topic string, total int32) error
	// AlterConfigs applies the changes to one resource, all or none. The
	// values were validated by the caller (ValidateTopicConfigs, ...).
	AlterConfigs(r Resource, changes []ConfigChange) error
	// AlterQuotas changes the quotas of entities, all or none. The values were
	// validated by the caller.
	AlterQuotas(alterations []QuotaAlteration) error
	// AllocateProducerIDs reserves n producer ids durably; first is the lowest.
	AllocateProducerIDs(n int) (first model.ProducerID, err error)
	// Standing says what became of a partition id.
	Standing(id model.PartitionID) Standing
	Close() error
}

// Standing is what the metadata knows of a partition id.
type Standing uint8

// The standings.
const (
	Unknown Standing = iota
	Live
	Dropped
)

// TopicSpec asks for a topic.
type TopicSpec struct {
	Name       string
	Partitions int32
	// Replicas[i] are the brokers of partition i; empty: place them here.
	Replicas [][]model.BrokerID
	Configs  map[string]string // validated
	Internal bool
}

// TopicResult is the answer to one TopicSpec.
type TopicResult struct {
	Topic *Topic
	Err   error
}

// ResourceType is what a config belongs to; the numbers are Kafka's.
type ResourceType int8

// The resource types.
const (
	ResourceTopic         ResourceType = 2
	ResourceBroker        ResourceType = 4
	ResourceBrokerLogger  ResourceType = 8
	ResourceClientMetrics ResourceType = 16
	ResourceGroup         ResourceType = 32
)

// Resource names the owner of configs: a topic, a broker ("" is the
// cluster-wide default, else the id in decimal), a group or a subscription to
// metrics of clients.
type Resource struct {
	Type ResourceType
	Name string
}

// ConfigChange sets a key, or removes it if Value is nil.
type ConfigChange struct {
	Key   string
	Value *string
}
