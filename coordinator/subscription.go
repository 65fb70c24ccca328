package coordinator

import (
	"encoding/binary"
	"slices"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// memberSubscription is a ConsumerProtocolSubscription: what a consumer says of itself
// when it joins by the classic protocol.
type memberSubscription struct {
	version      int16
	topics       []string        // in order, each once
	owned        []AssignedTopic // what it works on; eager consumers have let go of all
	generationAt int             // where the generation of that is in the bytes; 0: there is none
	rack         *string
}

// decodeSubscription reads one of any version; of versions to come it reads what
// is known today. It is a peer's input: what is allocated is bounded by what is
// there, and by how many topics one member may name.
//
//	version i16
//	topics: count i32, count times: length i16, bytes
//	user data: length i32, -1 for none, bytes
//	from version 1 on, owned: count i32, count times: topic, n i32, n times: i32
//	from version 2 on, generation of what is owned i32
//	from version 3 on, rack: length i16, -1 for none, bytes
func decodeSubscription(b []byte) (memberSubscription, bool) {
	c := shard.Cursor{Rest: b}
	sub := memberSubscription{version: c.Int16()}
	for range topicCount(&c, 2) {
		sub.topics = append(sub.topics, c.Text())
	}
	skipBytes(&c)
	if sub.version >= 1 {
		sub.owned = readAssignedTopics(&c)
	}
	if sub.version >= 2 {
		sub.generationAt = len(b) - len(c.Rest)
		c.Int32()
	}
	if sub.version >= 3 {
		if rack := c.NullableText(); rack != nil && *rack != "" {
			sub.rack = rack
		}
	}
	if c.Bad || sub.version < 0 {
		return memberSubscription{}, false
	}
	slices.Sort(sub.topics)
	sub.topics = slices.Compact(sub.topics)
	return sub, true
}

// renumber puts another generation where members say of which one they own what
// they own. Assignors take what is of an older one than others' for lost, and give
// it away while its owner still works on it.
func renumber(offers []offer, from, to int32) {
	for _, p := range offers {
		sub, ok := decodeSubscription(p.metadata)
		if !ok || sub.generationAt == 0 {
			continue
		}
		if at := p.metadata[sub.generationAt:]; int32(binary.BigEndian.Uint32(at)) == from {
			binary.BigEndian.PutUint32(at, uint32(to))
		}
	}
}

// topicCount is the length of a list of topics that take at least min bytes each.
// A list is never null, and has its bounds.
func topicCount(c *shard.Cursor, min int) int {
	n := int(c.Int32())
	if n < 0 || n > topicNamesMax || n > len(c.Rest)/min {
		c.Fail()
		return 0
	}
	return n
}

// readAssignedTopics reads topics with partitions.
func readAssignedTopics(c *shard.Cursor) []AssignedTopic {
	n := topicCount(c, 6)
	out := make([]AssignedTopic, 0, n)
	for range n {
		t, rest, ok := readAssignedTopic(c.Rest)
		if !ok {
			c.Fail()
			return nil
		}
		c.Rest = rest
		out = append(out, t)
	}
	return out
}

// readSubscription adds the topics of a ConsumerProtocolSubscription and
// reports whether it could be read. Every version begins like version 0, so
// only that prefix is read and later versions need no change here:
//
//	version i16 | count i32 | count times: length i16, bytes | ...
//
// It is a peer's input: nothing is allocated for what the bytes claim.
func readSubscription(b []byte, topics map[string]struct{}) bool {
	if len(b) < 6 || int16(binary.BigEndian.Uint16(b)) < 0 {
		return false
	}
	count := int32(binary.BigEndian.Uint32(b[2:]))
	if count < 0 {
		return false
	}
	b = b[6:]
	for ; count > 0; count-- {
		if len(b) < 2 {
			return false
		}
		n := int(int16(binary.BigEndian.Uint16(b)))
		if n < 0 || n > len(b)-2 {
			return false
		}
		topics[string(b[2:2+n])] = struct{}{}
		b = b[2+n:]
	}
	return true
}
