package coordinator

import (
	"bytes"
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// partitions is a set of partitions by topic. Invariants: each list is
// ascending, without doubles and not empty; nothing is changed in place, so
// sets may share lists. The nil map is the empty set.
type partitions map[model.TopicID][]int32

// parts is what a peer or a record says that a set is: in any order, with doubles,
// and a topic in any number of parts.
type parts map[model.TopicID][]int32

// add takes another part; list becomes the set's.
func (c parts) add(topic model.TopicID, list []int32) {
	if before, ok := c[topic]; ok {
		c[topic] = append(before, list...)
		return
	}
	c[topic] = slices.Clip(list)
}

// newPartitions orders what is claimed, in no more time for many parts than for few.
func newPartitions(c parts) partitions {
	p := make(partitions, len(c))
	for topic, list := range c {
		p.put(topic, list)
	}
	return p
}

// put adds to a set that is being made; list becomes the set's. It goes over all
// that the set has of the topic.
func (p partitions) put(topic model.TopicID, list []int32) {
	if before := p[topic]; len(before) > 0 {
		list = slices.Concat(before, list)
	}
	if len(list) == 0 {
		return
	}
	slices.Sort(list)
	p[topic] = slices.Compact(list)
}

func (p partitions) has(topic model.TopicID, partition int32) bool {
	_, ok := slices.BinarySearch(p[topic], partition)
	return ok
}

func (p partitions) count() int {
	n := 0
	for _, list := range p {
		n += len(list)
	}
	return n
}

func (p partitions) equal(q partitions) bool { return maps.EqualFunc(p, q, slices.Equal) }

// within reports whether q has all of p.
func (p partitions) within(q partitions) bool {
	for topic, list := range p {
		if len(list) > len(q[topic]) || len(mergeLists(list, q[topic], true, false, false)) > 0 {
			return false
		}
	}
	return true
}

// minus is what is in p and not in q.
func (p partitions) minus(q partitions) partitions { return p.merge(q, true, false, false) }

// and is what is in both.
func (p partitions) and(q partitions) partitions { return p.merge(q, false, true, false) }

// or is what is in either.
func (p partitions) or(q partitions) partitions { return p.merge(q, true, true, true) }

// merge takes what is only in p, in both, or only in q.
func (p partitions) merge(q partitions, left, both, right bool) partitions {
	out := partitions{}
	for topic, list := range p {
		if list = mergeLists(list, q[topic], left, both, right); len(list) > 0 {
			out[topic] = list
		}
	}
	for topic, list := range q {
		if _, done := p[topic]; right && !done {
			out[topic] = list
		}
	}
	return out
}

func mergeLists(p, q []int32, left, both, right bool) []int32 {
	switch { // Nearly always one of these: it spares a copy.
	case len(q) == 0 && left, slices.Equal(p, q) && both:
		return p
	case len(q) == 0 || slices.Equal(p, q):
		return nil
	}
	var out []int32
	for len(p) > 0 || len(q) > 0 {
		switch {
		case len(q) == 0 || len(p) > 0 && p[0] < q[0]:
			if left {
				out = append(out, p[0])
			}
			p = p[1:]
		case len(p) == 0 || q[0] < p[0]:
			if right {
				out = append(out, q[0])
			}
			q = q[1:]
		default:
			if both {
				out = append(out, p[0])
			}
			p, q = p[1:], q[1:]
		}
	}
	return out
}

// topics lists the topics in the order of their ids, so that the same set
// always makes the same record.
func (p partitions) topics() []model.TopicID {
	return slices.SortedFunc(maps.Keys(p), func(a, b model.TopicID) int { return bytes.Compare(a[:], b[:]) })
}

// all reports whether each topic of the set passes.
func (p partitions) all(pass func(model.TopicID) bool) bool {
	for topic := range p {
		if !pass(topic) {
			return false
		}
	}
	return true
}

// without is what is in topics that do not pass.
func (p partitions) without(pass func(model.TopicID) bool) partitions {
	out := partitions{}
	for topic, list := range p {
		if !pass(topic) {
			out[topic] = list
		}
	}
	return out
}

// filter is the partitions that pass.
func (p partitions) filter(pass func(model.TopicID, int32) bool) partitions {
	out := partitions{}
	for topic, list := range p {
		var kept []int32
		for _, partition := range list {
			if pass(topic, partition) {
				kept = append(kept, partition)
			}
		}
		if len(kept) > 0 {
			out[topic] = kept
		}
	}
	return out
}
