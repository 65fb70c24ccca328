package coordinator

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// AssignedTopic is what a member was given of one topic.
type AssignedTopic struct {
	Topic      string
	Partitions []int32 // ascending
}

func (t AssignedTopic) some() bool { return len(t.Partitions) > 0 }

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

// encodeAssignment is a ConsumerProtocolAssignment without user data. All of its
// versions look the same: it has the one that its reader speaks.
func encodeAssignment(version int16, topics []AssignedTopic) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 64), uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(len(topics)))
	for _, t := range topics {
		b = appendPlainString(b, t.Topic)
		b = binary.BigEndian.AppendUint32(b, uint32(len(t.Partitions)))
		for _, partition := range t.Partitions {
			b = appendInt32(b, partition)
		}
	}
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

// partitionsOf finds what names stand for now. What does not exist is left out.
func partitionsOf(v View, topics []AssignedTopic) partitions {
	found := map[model.TopicID][]int32{}
	for _, named := range topics {
		t, ok := v.Topic(named.Topic)
		if !ok || t.ID.IsZero() {
			continue
		}
		for _, partition := range named.Partitions {
			if partition >= 0 && partition < t.Partitions {
				found[t.ID] = append(found[t.ID], partition)
			}
		}
	}
	return newPartitions(found)
}

// namesOf is the opposite; topics come in the order of their names.
func namesOf(v View, set partitions) []AssignedTopic {
	out := make([]AssignedTopic, 0, len(set))
	for id, list := range set {
		if t, ok := v.TopicByID(id); ok {
			out = append(out, AssignedTopic{Topic: t.Name, Partitions: list})
		}
	}
	slices.SortFunc(out, func(a, b AssignedTopic) int { return strings.Compare(a.Topic, b.Topic) })
	return out
}
