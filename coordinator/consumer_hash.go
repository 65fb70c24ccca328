package coordinator

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"slices"
)

// topicsSum is a hash that was made, of the metadata and the subscriptions of some
// moment. It goes over all partitions, and all members may come or go at once.
type topicsSum struct {
	version int64  // of the metadata
	names   uint64 // consumerIndex.names
	hash    int64
}

// topicsHash sums up what the group's targets depend on but its members.
func (c *consumerGroup) topicsHash(v View) int64 {
	last := &c.soft.sum
	if last.version != v.Version() || last.names != c.index.names {
		*last = topicsSum{v.Version(), c.index.names, c.hashTopics(v)}
	}
	return last.hash
}

// hashTopics goes over the topics that exist and that somebody subscribes to: ids,
// numbers of partitions and racks. The hash is stored, so it must never change its
// meaning; 0 stands for no topics. (Kafka's is another one: a group that comes from
// there gets a new target once.)
func (c *consumerGroup) hashTopics(v View) int64 {
	sum := fnv.New64a()
	topics := c.topics(v)
	if len(topics) == 0 {
		return 0
	}
	for _, t := range topics {
		hashTopic(sum, v, t)
	}
	return int64(sum.Sum64())
}

// hashTopic writes lengths before strings, so that no two topics look alike.
func hashTopic(sum hash.Hash64, v View, t Topic) {
	put := func(b []byte) { _, _ = sum.Write(b) } // a hash never fails
	text := func(s string) { put(append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)) }
	put(t.ID[:])
	text(t.Name)
	put(binary.BigEndian.AppendUint32(nil, uint32(t.Partitions)))
	all := v.Racks(t.ID)
	for partition := range int(t.Partitions) {
		var racks []string
		if partition < len(all) {
			racks = slices.Sorted(slices.Values(all[partition]))
		}
		put(binary.BigEndian.AppendUint32(nil, uint32(len(racks))))
		for _, rack := range racks {
			text(rack)
		}
	}
}
