package coordinator

import "github.com/mainstem-mq/mainstem/internal/model"

// noTime marks an absent timestamp.
const noTime = -1

// committed is what a group last said about one partition.
type committed struct {
	topic       model.TopicID // zero: not known; see topics.go
	offset      int64
	leaderEpoch int32 // -1: unknown
	metadata    string
	commitTime  int64 // ms
	expireTime  int64 // ms; noTime: by the broker's retention
}

// offsetTable holds the committed offsets of one group by topic and partition.
// Invariant: it has no empty topic.
type offsetTable map[string]map[int32]committed

// put reports whether the partition is new. topic is cloned if it is kept.
func (t offsetTable) put(topic string, partition int32, c committed) bool {
	partitions, ok := t[topic]
	if !ok {
		partitions = map[int32]committed{}
		t[string([]byte(topic))] = partitions
	}
	before := len(partitions)
	partitions[partition] = c
	return len(partitions) > before
}

// remove reports whether there was anything to remove.
func (t offsetTable) remove(topic string, partition int32) bool {
	partitions := t[topic]
	if _, ok := partitions[partition]; !ok {
		return false
	}
	delete(partitions, partition)
	if len(partitions) == 0 {
		delete(t, topic)
	}
	return true
}

func (t offsetTable) get(topic string, partition int32) (committed, bool) {
	c, ok := t[topic][partition]
	return c, ok
}

func (t offsetTable) size() int {
	n := 0
	for _, partitions := range t {
		n += len(partitions)
	}
	return n
}
