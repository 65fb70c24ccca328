package coordinator

import "github.com/twmb/franz-go/pkg/kmsg"

// wishes are the partitions that somebody asks for, by topic; nil: all there are.
type wishes map[string]map[int32]struct{}

// wishesOf takes each partition once, however often the request names it.
func wishesOf(topics []kmsg.OffsetFetchRequestGroupTopic) wishes {
	if topics == nil {
		return nil
	}
	w := make(wishes, len(topics))
	for _, topic := range topics {
		if w[topic.Topic] == nil {
			w[topic.Topic] = make(map[int32]struct{}, len(topic.Partitions))
		}
		for _, partition := range topic.Partitions {
			w[topic.Topic][partition] = struct{}{}
		}
	}
	return w
}

// lowestOffsets finds for each partition the lowest offset of many groups.
type lowestOffsets struct {
	out    offsetTable
	looked int // offsets looked at
}

// lowest takes for each partition that is wanted the lowest offset that one of the
// groups has.
func lowest(s *step, groups []*group, wanted wishes) *lowestOffsets {
	l := &lowestOffsets{out: offsetTable{}}
	topics := map[string]topicNow{}
	now := func(name string) topicNow {
		known, ok := topics[name]
		if !ok {
			known = s.topic(name)
			topics[name] = known
		}
		return known
	}
	for _, g := range groups {
		if wanted != nil && len(wanted) < len(g.offsets) {
			for topic, partitions := range wanted {
				l.take(topic, now(topic), g.offsets[topic], partitions)
			}
			continue
		}
		for topic, offsets := range g.offsets {
			if partitions, ok := wanted[topic]; ok || wanted == nil {
				l.take(topic, now(topic), offsets, partitions)
			}
		}
	}
	return l
}

// take compares the offsets of one topic: whichever are fewer, those that are there
// or those that are wanted, it goes over. Nil partitions: all.
func (l *lowestOffsets) take(topic string, now topicNow, offsets map[int32]committed, partitions map[int32]struct{}) {
	if partitions != nil && len(partitions) < len(offsets) {
		for partition := range partitions {
			if c, ok := offsets[partition]; ok {
				l.compare(topic, now, partition, c)
			}
		}
		return
	}
	for partition, c := range offsets {
		if _, ok := partitions[partition]; ok || partitions == nil {
			l.compare(topic, now, partition, c)
		}
	}
}

func (l *lowestOffsets) compare(topic string, now topicNow, partition int32, c committed) {
	l.looked++
	if !now.keeps(c) {
		return
	}
	if least, ok := l.out.get(topic, partition); !ok || c.offset < least.offset {
		l.out.put(topic, partition, c)
	}
}
