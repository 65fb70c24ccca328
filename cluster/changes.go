package cluster

import (
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// requestPartitionsMax bounds what one CreateTopics may make in all: the frame
// of a request that asks for more than fits memory must not be believed.
const requestPartitionsMax = PartitionsMax

// CreateTopics implements Metadata.
func (j *Journal) CreateTopics(specs []TopicSpec) []TopicResult {
	results := make([]TopicResult, len(specs))
	starts := j.starts.Load()
	err := j.submit(func(t *transaction) {
		room, all := int64(requestPartitionsMax), j.partitionRoom(t.view())
		for i, spec := range specs {
			r, err := planTopic(t.view(), spec, starts, room)
			if n := int64(spec.Partitions); err == nil && !spec.Internal {
				if err = j.mayGrow(t, r); n > all {
					err = tooManyPartitions(n, all)
				}
			}
			if err != nil {
				results[i].Err = err
				continue
			}
			room, all = room-int64(spec.Partitions), all-int64(spec.Partitions)
			t.play(r)
			results[i].Topic, _ = t.byID.get(r.id)
		}
	})
	if err != nil {
		for i := range results {
			results[i] = TopicResult{Err: err}
		}
	}
	return results
}

// planTopic checks a spec against the image and makes the record.
func planTopic(img *Image, spec TopicSpec, starts uint32, room int64) (topicRecord, error) {
	if err := img.ValidateNewTopicName(spec.Name); err != nil {
		return topicRecord{}, err
	}
	switch n := int64(spec.Partitions); {
	case n < 1:
		return topicRecord{}, protocol.Errorf(protocol.InvalidPartitions,
			"Number of partitions was set to the invalid value %d; it must be at least 1.", n)
	case n > room:
		return topicRecord{}, protocol.Errorf(protocol.PolicyViolation,
			"%d partitions are too many: a topic, and one request, may have at most %d.", n, requestPartitionsMax)
	}
	runs, err := placeRuns(img, spec.Partitions, spec.Replicas, starts)
	if err != nil {
		return topicRecord{}, err
	}
	return topicRecord{
		id: model.NewTopicID(), name: spec.Name, internal: spec.Internal, configs: changed(spec.Configs, nil), runs: runs,
	}, nil
}

// placeRuns gives ids and replicas to count new partitions.
func placeRuns(img *Image, count int32, assigned [][]model.BrokerID, starts uint32) ([]run, error) {
	first := img.ids.nextPartition
	if int64(first)+int64(count) > math.MaxUint32 {
		return nil, protocol.Errorf(protocol.PolicyViolation, "The cluster has given out all its partition ids.")
	}
	if len(assigned) == 0 {
		here := []model.BrokerID{img.Controller}
		return []run{{first: first, count: count, leader: here[0], starts: starts, replicas: here, isr: here}}, nil
	}
	if len(assigned) != int(count) {
		return nil, protocol.Errorf(protocol.InvalidReplicaAssignment,
			"The assignment names %d partitions, but %d are to be made.", len(assigned), count)
	}
	partitions := make([]Partition, count)
	for i, replicas := range assigned {
		if err := checkReplicas(img, i, replicas); err != nil {
			return nil, err
		}
		replicas = slices.Clone(replicas)
		partitions[i] = Partition{
			ID: first + model.PartitionID(i), Leader: replicas[0], EpochUncleanStarts: starts,
			Replicas: replicas, ISR: replicas,
		}
	}
	return toRuns(partitions), nil
}

func checkReplicas(img *Image, partition int, replicas []model.BrokerID) error {
	if len(replicas) == 0 {
		return protocol.Errorf(protocol.InvalidReplicaAssignment, "Partition %d is assigned to no broker.", partition)
	}
	for i, id := range replicas {
		if _, ok := img.Broker(id); !ok {
			return protocol.Errorf(protocol.InvalidReplicaAssignment,
				"Partition %d is assigned to broker %d, which is not part of the cluster.", partition, id)
		}
		if slices.Contains(replicas[:i], id) {
			return protocol.Errorf(protocol.InvalidReplicaAssignment,
				"Partition %d is assigned to broker %d twice.", partition, id)
		}
	}
	return nil
}

// DeleteTopics implements Metadata.
func (j *Journal) DeleteTopics(names []string) []error {
	errs := make([]error, len(names))
	err := j.submit(func(t *transaction) {
		for i, name := range names {
			topic, ok := t.topics.get(name)
			if !ok {
				errs[i] = unknownTopic(name)
				continue
			}
			t.play(topicDeletedRecord{id: topic.ID})
		}
	})
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}

// CreatePartitions implements Metadata.
func (j *Journal) CreatePartitions(topic string, total int32) error {
	starts := j.starts.Load()
	var refused error
	err := j.submit(func(t *transaction) {
		before := t.view()
		r, err := planPartitions(before, topic, total, starts)
		if err == nil {
			err = j.mayGrow(t, r)
			grown, _ := before.Topic(topic)
			if more, room := int64(total)-int64(len(grown.Partitions)), j.partitionRoom(before); more > room {
				err = tooManyPartitions(more, room)
			}
		}
		if err != nil {
			refused = err
			return
		}
		t.play(r)
	})
	if err != nil {
		return err
	}
	return refused
}

func planPartitions(img *Image, name string, total int32, starts uint32) (partitionsRecord, error) {
	t, ok := img.Topic(name)
	if !ok {
		return partitionsRecord{}, unknownTopic(name)
	}
	now := int32(len(t.Partitions))
	switch {
	case total == now:
		return partitionsRecord{}, protocol.Errorf(protocol.InvalidPartitions,
			"Topic '%s' already has %d partition(s).", name, now)
	case total < now:
		return partitionsRecord{}, protocol.Errorf(protocol.InvalidPartitions,
			"Topic '%s' has %d partitions; %d would not be an increase, and a topic cannot shrink.", name, now, total)
	case total > PartitionsMax:
		return partitionsRecord{}, protocol.Errorf(protocol.InvalidPartitions,
			"%d partitions are too many: a topic may have at most %d.", total, PartitionsMax)
	}
	runs, err := placeRuns(img, total-now, nil, starts)
	return partitionsRecord{id: t.ID, runs: runs}, err
}

func unknownTopic(name string) error {
	return protocol.Errorf(protocol.UnknownTopicOrPartition, "Topic '%s' does not exist.", name)
}

// AlterConfigs implements Metadata.
func (j *Journal) AlterConfigs(r Resource, changes []ConfigChange) error {
	changes = slices.Clone(changes)
	var refused error
	err := j.submit(func(t *transaction) {
		img := t.view()
		if refused = checkResource(img, r); refused != nil || len(changes) == 0 {
			return
		}
		if more := growing(img, r, changes); len(more) > 0 {
			if refused = j.mayGrow(t, configsRecord{r, more}); refused != nil {
				return
			}
		}
		t.play(configsRecord{r, changes})
	})
	if err != nil {
		return err
	}
	return refused
}

// checkResource says whether configs can belong to r.
func checkResource(img *Image, r Resource) error {
	switch r.Type {
	case ResourceTopic:
		if _, ok := img.Topic(r.Name); !ok {
			return unknownTopic(r.Name)
		}
	case ResourceBroker:
		if r.Name == "" {
			return nil
		}
		id, err := parseBroker(r.Name)
		if err != nil {
			return protocol.Errorf(protocol.InvalidRequest, "%v", err)
		}
		if _, ok := img.Broker(id); !ok {
			return protocol.Errorf(protocol.InvalidRequest, "Broker %d is not part of the cluster.", id)
		}
	case ResourceGroup:
		if r.Name == "" {
			return protocol.Errorf(protocol.InvalidRequest, "The group's name must not be empty.")
		}
	case ResourceClientMetrics:
		if r.Name == "" {
			return errUnnamedMetrics()
		}
	case ResourceBrokerLogger:
		fallthrough
	default:
		return protocol.Errorf(protocol.InvalidRequest, "Configs of resource type %d cannot be changed.", r.Type)
	}
	return nil
}

// AllocateProducerIDs implements Metadata.
func (j *Journal) AllocateProducerIDs(n int) (model.ProducerID, error) {
	if n < 1 {
		return 0, protocol.Errorf(protocol.InvalidRequest, "%d producer ids cannot be reserved.", n)
	}
	var first model.ProducerID
	var refused error
	err := j.submit(func(t *transaction) {
		first = t.img.ids.nextProducer
		if first > math.MaxInt64-model.ProducerID(n) {
			refused = protocol.Errorf(protocol.PolicyViolation, "The cluster has given out all its producer ids.")
			return
		}
		t.play(producerIDsRecord{next: first + model.ProducerID(n)})
	})
	if err != nil {
		return 0, err
	}
	return first, refused
}

// PassProducerIDs makes next the lowest id that AllocateProducerIDs gives, if it
// would give lower ones. It is for ids that are in use though the metadata does
// not know of it, as it is older than the log.
func (j *Journal) PassProducerIDs(next model.ProducerID) error {
	return j.submit(func(t *transaction) {
		if next > t.img.ids.nextProducer {
			t.play(producerIDsRecord{next: next})
		}
	})
}
