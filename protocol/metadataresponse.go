package protocol

import (
	"encoding/binary"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// MetadataResponse is an answer to Metadata that is encoded from what its maker
// has: with 100,000 partitions kmsg's structs would take ten times the memory of
// the bytes that are sent. The Topics of kmsg's struct stay empty.
type MetadataResponse struct {
	kmsg.MetadataResponse

	List []MetadataTopic
}

// MetadataTopic is what an answer says of one topic.
type MetadataTopic struct {
	Error      ErrorCode
	Name       *string       // nil: null, from v12; before it is an empty one
	ID         model.TopicID // from v10
	Internal   bool          // from v1
	Operations int32         // from v8
	Partitions int
	// Partition tells of one of them; called once for each while the answer is
	// encoded.
	Partition func(i int) MetadataPartition
}

// MetadataPartition is what an answer says of one partition. The lists must
// stay as they are until the answer is encoded; no replica is offline.
type MetadataPartition struct {
	Index       int32
	Leader      model.BrokerID
	LeaderEpoch model.LeaderEpoch // from v7
	Replicas    []model.BrokerID
	ISR         []model.BrokerID
}

// MetadataBytes is about the most that an answer takes for a topic with so many
// partitions, of three replicas each, when it is encoded.
func MetadataBytes(partitions int) int {
	const topic, partition = 320, 56
	return topic + partitions*partition
}

// AppendTo implements kmsg.Response.
func (r *MetadataResponse) AppendTo(dst []byte) []byte {
	e := metadataEncoder{version: r.Version}
	e.flexible = r.IsFlexible()
	size := 0
	for i := range r.List {
		size += MetadataBytes(r.List[i].Partitions)
	}
	e.buf = r.MetadataResponse.AppendTo(slices.Grow(dst, size))
	// Behind the topics stands what is as long in every answer of a version.
	behind := e.tailBytes()
	tail := slices.Clone(e.buf[len(e.buf)-behind:])
	empty := 4
	if e.flexible {
		empty = 1
	}
	e.buf = e.buf[:len(e.buf)-behind-empty]
	e.arrayLen(len(r.List))
	for i := range r.List {
		e.topic(&r.List[i])
	}
	return append(e.buf, tail...)
}

type metadataEncoder struct {
	fields
	version int16
	// like is the partition encoded last, and its bytes: the next one mostly
	// differs in its index only.
	like       MetadataPartition
	from, upTo int
}

// tailBytes is what follows the topics: authorized operations, an error code,
// no tags.
func (e *metadataEncoder) tailBytes() int {
	n := 0
	if e.version >= 8 && e.version <= 10 {
		n += 4
	}
	if e.version >= 13 {
		n += 2
	}
	if e.flexible {
		n++
	}
	return n
}

func (e *metadataEncoder) topic(t *MetadataTopic) {
	e.int16(int16(t.Error))
	switch {
	case t.Name != nil:
		e.string(*t.Name)
	case e.version >= 12:
		e.uvarint(0)
	default:
		e.string("")
	}
	if e.version >= 10 {
		e.buf = append(e.buf, t.ID[:]...)
	}
	if e.version >= 1 {
		e.bool(t.Internal)
	}
	e.arrayLen(t.Partitions)
	e.from, e.upTo = 0, 0
	for i := range t.Partitions {
		p := t.Partition(i)
		e.partition(&p)
	}
	if e.version >= 8 {
		e.int32(t.Operations)
	}
	e.noTags()
}

func (e *metadataEncoder) partition(p *MetadataPartition) {
	at := len(e.buf)
	if e.upTo > 0 && p.Leader == e.like.Leader && p.LeaderEpoch == e.like.LeaderEpoch &&
		slices.Equal(p.Replicas, e.like.Replicas) && slices.Equal(p.ISR, e.like.ISR) {
		e.buf = append(e.buf, e.buf[e.from:e.upTo]...)
		binary.BigEndian.PutUint32(e.buf[at+2:], uint32(p.Index)) // behind the error code
		return
	}
	e.encode(p)
	e.like, e.from, e.upTo = *p, at, len(e.buf)
}

func (e *metadataEncoder) encode(p *MetadataPartition) {
	e.int16(int16(NoError))
	e.int32(p.Index)
	e.int32(int32(p.Leader))
	if e.version >= 7 {
		e.int32(int32(p.LeaderEpoch))
	}
	e.brokers(p.Replicas)
	e.brokers(p.ISR)
	if e.version >= 5 {
		e.brokers(nil)
	}
	e.noTags()
}

// brokers writes a list, which is never null.
func (e *metadataEncoder) brokers(ids []model.BrokerID) {
	e.arrayLen(len(ids))
	for _, id := range ids {
		e.int32(int32(id))
	}
}
