package server

import "github.com/mainstem-mq/mainstem/coordinator"

// ends knows where partitions end at about one moment, so that who looks at
// thousands of groups asks each partition once.
type ends struct {
	s      *Server
	topics map[string][]int64
}

// endUnknown stands for a partition that is not here.
const endUnknown = -1

func (s *Server) newEnds() *ends { return &ends{s, map[string][]int64{}} }

// of is where the partitions of a topic end.
func (e *ends) of(topic string) []int64 {
	all, ok := e.topics[topic]
	if ok {
		return all
	}
	all = make([]int64, partitionCounts(e.s.meta.Image())(topic))
	for i := range all {
		all[i] = endUnknown
		if p, err := e.s.partitions.Find(topic, int32(i)); err == nil {
			all[i] = int64(p.Offsets().HighWatermark)
		}
	}
	e.topics[topic] = all
	return all
}

// eachLag tells the committed offsets of a topic whose lag is known, and the lags in
// records; it returns their number.
func (e *ends) eachLag(t *coordinator.TopicOffsets, yield func(offset, lag int64)) (known int) {
	all := e.of(t.Topic)
	for _, c := range t.Partitions {
		if c.Offset < 0 || c.Partition < 0 || int(c.Partition) >= len(all) || all[c.Partition] == endUnknown {
			continue
		}
		known++
		yield(c.Offset, max(all[c.Partition]-c.Offset, 0))
	}
	return known
}

// lag is a group's in records alone.
func (e *ends) lag(v *coordinator.GroupView) (sum Lag) {
	for i := range v.Offsets {
		e.eachLag(&v.Offsets[i], func(_, lag int64) { sum.Records += lag })
	}
	sum.Unmeasured = sum.Records > 0
	return sum
}
