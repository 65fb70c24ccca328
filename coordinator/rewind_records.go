package coordinator

import (
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// ownKeyVersion is the version of the keys that only this broker writes, far
// above Kafka's; tools that read the topic skip what they do not know. A second
// number tells the kind:
//
//	i16 19795 | i8 kind | group     kind 1: the rewind of a group
//	                                kind 2: it is in broadcast mode (marks.go)
//
// The value is one of version 0 and flexible, as Kafka's newer ones.
const (
	ownKeyVersion = 0x4D53
	ownRewind     = 1
	ownBroadcast  = 2

	rewindValueVersion = 0
	rewindGuardsTag    = 0 // a tagged field, of the format that the topics have
)

// rewindPhase is how far a rewind has come.
type rewindPhase int8

const (
	rewindEmptying rewindPhase = 1 // members give up what is to be rewound
	rewindDone     rewindPhase = 2 // the marks are committed; it can be undone yet
)

// rewind takes a group back to earlier offsets, or forward past a record. It is
// durable: replay puts a new one for each change.
type rewind struct {
	id             string
	phase          rewindPhase
	ignoreBelow    int32 // commits of an older generation or epoch come from before
	started, ended int64 // ms; ended is noTime until the marks are committed
	topics         []rewindTopic
	undoes         bool // it takes another rewind back, and cannot be undone
	// guards are of rewinds before, which members may be behind yet: a mark is what
	// ignoreBelow was.
	guards []rewindTopic
}

// rewindTopic is the part of a rewind in one topic.
type rewindTopic struct {
	name       string
	id         model.TopicID
	partitions []rewindMark
}

// rewindMark is where one partition goes.
type rewindMark struct {
	partition int32
	mark      int64
	saved     int64 // what was committed before; -1: nothing
}

func rewindKey(group string) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 5+len(group)), ownKeyVersion)
	return appendPlainString(append(b, ownRewind), group)
}

func rewindRecord(group string, r *rewind) Record {
	b := appendCompactString(valueOf(64), r.id)
	b = append(b, byte(r.phase))
	b = appendInt32(b, r.ignoreBelow)
	b = appendInt64(appendInt64(b, r.started), r.ended)
	b = appendRewindTopics(b, r.topics)
	undoes := byte(0)
	if r.undoes {
		undoes = 1
	}
	b = append(b, undoes)
	if len(r.guards) == 0 {
		return Record{Key: rewindKey(group), Value: append(b, 0)}
	}
	return Record{Key: rewindKey(group), Value: appendTag(append(b, 1), rewindGuardsTag, appendRewindTopics(nil, r.guards))}
}

func appendRewindTopics(b []byte, topics []rewindTopic) []byte {
	b = appendCompactLen(b, len(topics))
	for _, t := range topics {
		b = appendCompactString(b, t.name)
		b = append(b, t.id[:]...)
		b = appendCompactLen(b, len(t.partitions))
		for _, p := range t.partitions {
			b = appendInt32(b, p.partition)
			b = append(appendInt64(appendInt64(b, p.mark), p.saved), 0)
		}
		b = append(b, 0)
	}
	return b
}

// replayOwn applies a record of a kind that is not Kafka's; those of later
// releases are skipped.
func (m *machine) replayOwn(r Record) error {
	c := shard.Cursor{Rest: r.Key[2:]}
	kind := c.Int8()
	if !c.Bad && kind != ownRewind && kind != ownBroadcast {
		return nil
	}
	group := c.Text()
	if c.Bad {
		return fmt.Errorf("%w: an own key of %d bytes", errRecord, len(r.Key))
	}
	if kind == ownBroadcast {
		return m.replayMark(group, r.Value)
	}
	if r.Value == nil {
		if g := m.groups[group]; g != nil {
			m.setRewind(g, nil)
			m.forget(g)
		}
		return nil
	}
	v, err := decodeRewind(r.Value)
	if err != nil {
		return fmt.Errorf("rewind of group %q: %w", group, err)
	}
	m.setRewind(m.obtain(group), v)
	return nil
}

// setRewind replaces a group's rewind, nil for none, and counts.
func (m *machine) setRewind(g *group, r *rewind) {
	if g.rewind.shown() != RewindNone {
		m.rewinds[g.rewind.phase]--
	}
	if r.shown() != RewindNone {
		m.rewinds[r.phase]++
	}
	g.rewind = r
}

func decodeRewind(value []byte) (*rewind, error) {
	if err := checkVersion(value, rewindValueVersion); err != nil {
		return nil, err
	}
	c := shard.Cursor{Rest: value[2:], Flexible: true}
	r := &rewind{
		id: c.Text(), phase: rewindPhase(c.Int8()), ignoreBelow: c.Int32(), started: c.Int64(), ended: c.Int64(),
		topics: readRewindTopics(&c), undoes: c.Int8() != 0,
	}
	c.Tags(func(tag uint32, field *shard.Cursor) {
		if tag == rewindGuardsTag {
			r.guards = readRewindTopics(field)
		}
	})
	if c.Bad || r.phase < rewindEmptying || r.phase > rewindDone {
		return nil, fmt.Errorf("%w: a value of %d bytes is cut or lies", errRecord, len(value))
	}
	return r, nil
}

func readRewindTopics(c *shard.Cursor) []rewindTopic {
	const topicMin, partitionMin = 19, 21
	var topics []rewindTopic
	for range c.Count(topicMin) {
		t := rewindTopic{name: c.Text(), id: readTopicID(c)}
		for range c.Count(partitionMin) {
			t.partitions = append(t.partitions, rewindMark{c.Int32(), c.Int64(), c.Int64()})
			c.Tags(nil)
		}
		c.Tags(nil)
		topics = append(topics, t)
	}
	return topics
}
