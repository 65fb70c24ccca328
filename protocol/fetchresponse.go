package protocol

import (
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// The versions of Fetch answers that FetchEncoder writes.
const (
	FetchVersionMin = 0
	FetchVersionMax = 18
)

// FetchEncoder writes the answer to a Fetch into a byte slice, leaving out the
// records: it notes where they belong, and the server puts spans of the log
// there on the way to the socket. So no record byte is copied, and an answer
// costs one append per field.
//
// Calls come in the order of the wire: Begin, then for each topic Topic and
// its Partitions, then End. A topic or partition too many or too few is a
// mistake of the caller, and panics: the client could not read the answer.
//
// The zero value is ready; Begin makes an encoder ready for another answer and
// keeps the memory it has.
type FetchEncoder struct {
	fields
	cuts       []Cut
	start      int // of this answer in buf
	version    int16
	topics     int // still to come
	partitions int // of this topic, still to come
	records    int // bytes, in all
}

// Cut is a place in the encoded bytes where records belong.
type Cut struct {
	At      int // an index of the slice that End returns: the records follow buf[:At]
	Records int // their length in bytes, never 0
}

// FetchHead is what an answer says once.
type FetchHead struct {
	Correlation    int32
	ThrottleMillis int32     // from v1
	Error          ErrorCode // from v7
	SessionID      int32     // from v7
	Topics         int       // how many Topic calls will follow
}

// FetchPartition is what an answer says of one partition. Pointers that are
// nil are left out.
type FetchPartition struct {
	Index                int32
	Error                ErrorCode
	HighWatermark        model.Offset
	LastStableOffset     model.Offset         // from v4
	LogStartOffset       model.Offset         // from v5
	Aborted              []AbortedTransaction // from v4
	PreferredReadReplica model.BrokerID       // from v11; -1 is none
	DivergingEpoch       *EpochEndOffset      // from v12
	CurrentLeader        *LeaderHint          // from v12
	Snapshot             *EpochEndOffset      // from v12
}

// AbortedTransaction tells a read_committed client what to skip. A nil list is
// sent as null, which is what Kafka sends to read_uncommitted clients.
type AbortedTransaction struct {
	ProducerID  model.ProducerID
	FirstOffset model.Offset
}

// EpochEndOffset is an epoch and the offset where it ends (KIP-320).
type EpochEndOffset struct {
	Epoch     model.LeaderEpoch
	EndOffset model.Offset
}

// LeaderHint tells a client whom to ask instead (KIP-951).
type LeaderHint struct {
	Leader model.BrokerID
	Epoch  model.LeaderEpoch
}

// NodeEndpoint is where a leader named by a LeaderHint listens (from v16).
type NodeEndpoint struct {
	Node model.BrokerID
	Host string
	Port int32
	Rack *string
}

// Begin starts an answer of the version, appending to dst.
func (e *FetchEncoder) Begin(dst []byte, version int16, head FetchHead) {
	if version < FetchVersionMin || version > FetchVersionMax {
		panic(fmt.Sprintf("fetch answers of version %d are not served", version))
	}
	*e = FetchEncoder{fields: fields{buf: dst}, cuts: e.cuts[:0], start: len(dst), version: version, topics: head.Topics}
	e.flexible = KeyFetch.Flexible(version)
	e.buf = appendResponseHeader(e.buf, head.Correlation, e.flexible)
	if e.version >= 1 {
		e.int32(head.ThrottleMillis)
	}
	if e.version >= 7 {
		e.int16(int16(head.Error))
		e.int32(head.SessionID)
	}
	e.arrayLen(head.Topics)
}

// Topic starts the next topic. The id is sent from v13, the name before.
func (e *FetchEncoder) Topic(name string, id model.TopicID, partitions int) {
	e.topics--
	if e.partitions != 0 || e.topics < 0 {
		panic("a fetch answer's topics are not as announced")
	}
	e.partitions = partitions
	if e.version >= 13 {
		e.buf = append(e.buf, id[:]...)
	} else {
		e.string(name)
	}
	e.arrayLen(partitions)
	if partitions == 0 {
		e.noTags()
	}
}

// Partition writes a partition that carries records bytes of records. They are
// not written here: a Cut says where they belong.
func (e *FetchEncoder) Partition(p FetchPartition, records int) {
	if e.partitions == 0 {
		panic("a fetch answer's partitions are not as announced")
	}
	e.partitions--
	e.int32(p.Index)
	e.int16(int16(p.Error))
	e.int64(int64(p.HighWatermark))
	if e.version >= 4 {
		e.int64(int64(p.LastStableOffset))
	}
	if e.version >= 5 {
		e.int64(int64(p.LogStartOffset))
	}
	if e.version >= 4 {
		e.aborted(p.Aborted)
	}
	if e.version >= 11 {
		e.int32(int32(p.PreferredReadReplica))
	}
	// A byte field's length is written like an array's.
	e.arrayLen(records)
	if records > 0 {
		e.cuts = append(e.cuts, Cut{At: len(e.buf), Records: records})
		e.records += records
	}
	if !e.flexible {
		return
	}
	e.partitionTags(p)
	if e.partitions == 0 {
		e.noTags() // of the topic
	}
}

func (e *FetchEncoder) aborted(list []AbortedTransaction) {
	if list == nil {
		e.arrayLen(-1)
		return
	}
	e.arrayLen(len(list))
	for _, a := range list {
		e.int64(int64(a.ProducerID))
		e.int64(int64(a.FirstOffset))
		e.noTags()
	}
}

// partitionTags writes the tagged fields. Each holds 12 or 8 bytes and an
// empty list of tags of its own, so their sizes are known.
func (e *FetchEncoder) partitionTags(p FetchPartition) {
	var count byte
	for _, present := range [...]bool{p.DivergingEpoch != nil, p.CurrentLeader != nil, p.Snapshot != nil} {
		if present {
			count++
		}
	}
	e.buf = append(e.buf, count)
	if d := p.DivergingEpoch; d != nil {
		e.buf = append(e.buf, 0, 4+8+1)
		e.int32(int32(d.Epoch))
		e.int64(int64(d.EndOffset))
		e.noTags()
	}
	if l := p.CurrentLeader; l != nil {
		e.buf = append(e.buf, 1, 4+4+1)
		e.int32(int32(l.Leader))
		e.int32(int32(l.Epoch))
		e.noTags()
	}
	if s := p.Snapshot; s != nil {
		e.buf = append(e.buf, 2, 8+4+1)
		e.int64(int64(s.EndOffset)) // the other way round than in a diverging epoch
		e.int32(int32(s.Epoch))
		e.noTags()
	}
}

// End finishes the answer. It returns dst of Begin with the answer's header
// bytes appended, and where records belong between them. The cuts are valid
// until the next Begin.
func (e *FetchEncoder) End(endpoints []NodeEndpoint) ([]byte, []Cut) {
	if e.topics != 0 || e.partitions != 0 {
		panic("a fetch answer ends before what it announced")
	}
	switch {
	case e.version >= 16 && len(endpoints) > 0:
		e.endpoints(endpoints)
	default:
		e.noTags()
	}
	size := len(e.buf) - e.start - 4 + e.records
	binary.BigEndian.PutUint32(e.buf[e.start:], uint32(size))
	return e.buf, e.cuts
}

// endpoints writes the answer's one tagged field. Its size precedes it, and is
// a varint itself, so it is added up first.
func (e *FetchEncoder) endpoints(list []NodeEndpoint) {
	size := uvarintLen(len(list) + 1)
	for _, n := range list {
		size += 4 + uvarintLen(len(n.Host)+1) + len(n.Host) + 4 + 1
		if n.Rack == nil {
			size++
		} else {
			size += uvarintLen(len(*n.Rack)+1) + len(*n.Rack)
		}
	}
	e.buf = append(e.buf, 1, 0) // one field, of tag 0
	e.uvarint(size)
	e.arrayLen(len(list))
	for _, n := range list {
		e.int32(int32(n.Node))
		e.string(n.Host)
		e.int32(n.Port)
		if n.Rack == nil {
			e.uvarint(0)
		} else {
			e.string(*n.Rack)
		}
		e.noTags()
	}
}
