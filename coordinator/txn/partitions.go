package txn

import (
	"cmp"
	"slices"
	"sort"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// partitions are those of a transaction, by topic; topics and numbers ascend and
// none is there twice. They are never changed, only replaced: jobs and views
// share them.
type partitions []topicPartitions

type topicPartitions struct {
	topic   string
	numbers []int32
}

// normal puts partitions in order that another wrote, or that came in a request.
func normal(list []topicPartitions) partitions {
	slices.SortStableFunc(list, func(a, b topicPartitions) int { return cmp.Compare(a.topic, b.topic) })
	out := list[:0]
	for _, t := range list {
		if last := len(out) - 1; last >= 0 && out[last].topic == t.topic {
			out[last].numbers = append(out[last].numbers, t.numbers...)
			continue
		}
		out = append(out, t)
	}
	for i := range out {
		slices.Sort(out[i].numbers)
		out[i].numbers = slices.Compact(out[i].numbers)
	}
	return out
}

func (p partitions) count() int {
	n := 0
	for i := range p {
		n += len(p[i].numbers)
	}
	return n
}

func (p partitions) has(tp model.TopicPartition) bool {
	i := sort.Search(len(p), func(i int) bool { return p[i].topic >= tp.Topic })
	if i == len(p) || p[i].topic != tp.Topic {
		return false
	}
	_, found := slices.BinarySearch(p[i].numbers, tp.Partition)
	return found
}

// join adds what is missing; new is how many that are.
func (p partitions) join(more []model.TopicPartition) (joined partitions, added int) {
	byTopic := map[string]int{}
	var list []topicPartitions
	for _, tp := range more {
		if p.has(tp) {
			continue
		}
		at, known := byTopic[tp.Topic]
		if !known {
			at = len(list)
			byTopic[tp.Topic] = at
			list = append(list, topicPartitions{topic: tp.Topic})
		}
		list[at].numbers = append(list[at].numbers, tp.Partition)
	}
	if len(list) == 0 {
		return p, 0
	}
	for _, t := range p {
		list = append(list, topicPartitions{t.topic, slices.Clone(t.numbers)})
	}
	joined = normal(list)
	return joined, joined.count() - p.count()
}

// each lists them one by one.
func (p partitions) each() []model.TopicPartition {
	out := make([]model.TopicPartition, 0, p.count())
	for _, t := range p {
		for _, n := range t.numbers {
			out = append(out, model.TopicPartition{Topic: t.topic, Partition: n})
		}
	}
	return out
}
