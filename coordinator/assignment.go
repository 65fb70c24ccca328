package coordinator

import (
	"encoding/binary"
	"slices"
	"strings"
)

// AssignedTopic is what a member was given of one topic.
type AssignedTopic struct {
	Topic      string
	Partitions []int32 // ascending
}

// readAssignment reads a ConsumerProtocolAssignment. Every version begins like
// version 0, so only that prefix is read:
//
//	version i16 | count i32 | count times: length i16, bytes, n i32, n times: i32 | ...
//
// It is a peer's input: nothing is allocated for what the bytes claim. Topics
// come in order, one that is named twice once.
func readAssignment(b []byte) ([]AssignedTopic, bool) {
	if len(b) < 6 || int16(binary.BigEndian.Uint16(b)) < 0 {
		return nil, false
	}
	count := int32(binary.BigEndian.Uint32(b[2:]))
	if count < 0 {
		return nil, false
	}
	b = b[6:]
	var out []AssignedTopic
	for ; count > 0; count-- {
		var t AssignedTopic
		var ok bool
		if t, b, ok = readAssignedTopic(b); !ok {
			return nil, false
		}
		out = append(out, t)
	}
	sortTopics(out)
	merged := out[:0]
	for _, t := range out {
		if n := len(merged); n > 0 && merged[n-1].Topic == t.Topic {
			merged[n-1].Partitions = append(merged[n-1].Partitions, t.Partitions...)
			continue
		}
		merged = append(merged, t)
	}
	for i := range merged {
		slices.Sort(merged[i].Partitions)
	}
	return merged, true
}

func sortTopics(topics []AssignedTopic) {
	slices.SortStableFunc(topics, func(a, b AssignedTopic) int { return strings.Compare(a.Topic, b.Topic) })
}

func readAssignedTopic(b []byte) (t AssignedTopic, rest []byte, ok bool) {
	if len(b) < 2 {
		return t, nil, false
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	if n < 0 || n > len(b)-6 {
		return t, nil, false
	}
	t.Topic = string(b[2 : 2+n])
	b = b[2+n:]
	partitions := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	if partitions < 0 || partitions > len(b)/4 {
		return t, nil, false
	}
	t.Partitions = make([]int32, partitions)
	for i := range t.Partitions {
		t.Partitions[i] = int32(binary.BigEndian.Uint32(b[4*i:]))
	}
	return t, b[4*partitions:], true
}
