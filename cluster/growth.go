package cluster

import (
	"math"

	"github.com/mainstem-mq/mainstem/protocol"
)

// mayGrow says whether a record that makes the metadata larger for good may
// follow what the transaction has. Deletions, and what makes room otherwise,
// are not asked for: they have to go on when nothing else can.
func (j *Journal) mayGrow(t *transaction, r record) error {
	if j.options.Room == nil {
		return nil
	}
	return j.options.Room(int64(len(appendRecord(nil, r)) + len(t.body)))
}

// partitionRoom is how many partitions may be made beside those that there are.
func (j *Journal) partitionRoom(img *Image) int64 {
	if j.options.PartitionsMax == nil {
		return math.MaxInt64
	}
	limit := j.options.PartitionsMax(img)
	room := limit - img.ids.given()
	if room <= 0 {
		// Ids that were passed over, as adoption does, count as given.
		room = limit
		img.Topics(func(t *Topic) bool {
			room -= int64(len(t.Partitions))
			return true
		})
	}
	return max(room, 0)
}

// given is how many partition ids were given and not dropped.
func (s *idState) given() int64 {
	n := int64(s.nextPartition) - 1
	for _, r := range s.dropped {
		n -= int64(r.To) - int64(r.From) + 1
	}
	return n
}

// tooManyPartitions refuses what would pass the bound of the broker.
func tooManyPartitions(asked, room int64) error {
	return protocol.Errorf(protocol.PolicyViolation,
		"%d more partitions are too many: the broker has room for %d more (%s). Delete topics, or raise the setting: "+
			"each partition takes memory, and time at a start.", asked, room, BrokerPartitionsKey)
}

// growing is the part of a change of configs that makes the metadata larger for
// good: what is set and was not, or becomes longer. What can make room, and the
// few configs of brokers, never count.
func growing(img *Image, r Resource, changes []ConfigChange) []ConfigChange {
	var current map[string]string
	switch r.Type {
	case ResourceTopic:
		if t, ok := img.Topic(r.Name); ok {
			current = t.Configs
		}
	case ResourceGroup:
		current = img.GroupConfigs[r.Name]
	case ResourceClientMetrics:
		current = img.ClientMetrics[r.Name]
	case ResourceBroker, ResourceBrokerLogger:
		return nil
	}
	var more []ConfigChange
	for _, c := range changes {
		if old, set := current[c.Key]; c.Value != nil && !makesRoom(c.Key) && (!set || len(*c.Value) > len(old)) {
			more = append(more, c)
		}
	}
	return more
}

// makesRoom reports whether a topic's setting can shorten what is kept.
func makesRoom(key string) bool {
	switch key {
	case "retention.ms", "retention.bytes", "cleanup.policy", "delete.retention.ms", "segment.ms", "segment.bytes",
		"max.compaction.lag.ms", "min.cleanable.dirty.ratio", "mainstem.retention.disk.exempt":
		return true
	}
	return false
}
