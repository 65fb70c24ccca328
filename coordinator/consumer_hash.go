package coordinator

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"maps"
	"slices"
)

// topicsHash sums up what the group's targets depend on but its members: of the
// topics that exist and that somebody subscribes to, ids, numbers of partitions
// and racks. It is stored, so it must never change its meaning; 0 stands for no
// topics. (Kafka's sum is another one: a group that comes from there gets a new
// target once.)
func (c *consumerGroup) topicsHash(v View) int64 {
	sum := fnv.New64a()
	some := false
	for _, name := range slices.Sorted(maps.Keys(c.index.subscribers)) {
		if t, ok := v.Topic(name); ok {
			some = true
			hashTopic(sum, v, t)
		}
	}
	if !some {
		return 0
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
	for partition := range t.Partitions {
		racks := slices.Sorted(slices.Values(v.Racks(t.ID, partition)))
		put(binary.BigEndian.AppendUint32(nil, uint32(len(racks))))
		for _, rack := range racks {
			text(rack)
		}
	}
}
