package coordinator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// The records of __consumer_offsets are Kafka's own, so that tools which read
// the topic keep working. A key begins with a version that tells its kind:
//
//	key 0, 1: group, topic, partition     -> a committed offset
//	          value 3 is written, as Kafka does; 1 where the client set a
//	          retention, for only that version has an expiry time; 0 to 4 are
//	          read. The topic's id stands beside it (Record.Topic)
//	key 2:    group                       -> a classic group
//	          value 3 is written; 0 to 3 are read
//	key 3 to 8, 16:                       -> a consumer group (consumer_records.go)
//	key 19795:                            -> our own (rewind_records.go, marks.go)
//	others:   of other kinds of groups    -> skipped
//
// A nil value is a tombstone. Newer versions are refused: they end in tagged
// fields, of which kmsg reads as many as a value claims, and nobody else writes
// into this log.
const (
	offsetKeyVersion         = 1
	offsetValueVersion       = 3
	offsetValueVersionExpire = 1
	groupKeyVersion          = 2
	groupValueVersion        = 3
)

// offsetValueMax is the longest offset value without its metadata.
const offsetValueMax = 32

// stringMax is the longest string that the records' formats can hold.
const stringMax = math.MaxInt16

// fits reports whether the record is one that the journal can take: one that it
// cannot would be lost, and made again after the load that follows, for ever.
func (s *step) fits(r *Record) bool { return r.Size() <= s.config.RecordBytesMax }

// errRecord is wrapped by what replay says of a record that it cannot read.
var errRecord = errors.New("coordinator: bad record")

// Blocks of an arena begin small, and are never so large that the last record of
// a block holds much memory of others that are sent already.
const (
	arenaBlockMin = 4 << 10
	arenaBlockMax = 64 << 10
)

// arena hands out the bytes of many small records from few allocations.
type arena struct {
	free  []byte
	block int // the size of the newest block, if not that of one record
}

// newArena is one that knows that about n bytes will be asked for.
func newArena(n int) arena {
	return arena{free: make([]byte, 0, min(n, arenaBlockMax)), block: arenaBlockMax}
}

// seal cuts what was appended to buf (which began as a.open()) off the arena.
func (a *arena) seal(buf []byte) []byte {
	a.free = buf[len(buf):]
	return buf[:len(buf):len(buf)]
}

// open returns an empty slice with room for n bytes.
func (a *arena) open(n int) []byte {
	if cap(a.free)-len(a.free) < n {
		a.block = min(max(2*a.block, arenaBlockMin), arenaBlockMax)
		a.free = make([]byte, 0, max(n, a.block))
	}
	return a.free[:0]
}

func (a *arena) offsetKey(group, topic string, partition int32) []byte {
	key := kmsg.OffsetCommitKey{Version: offsetKeyVersion, Group: group, Topic: topic, Partition: partition}
	return a.seal(key.AppendTo(a.open(10 + len(group) + len(topic))))
}

// rekeyed is the key of an offset of a group, whose name has so many bytes, as the
// same one of another group.
func (a *arena) rekeyed(key []byte, group int, to string) []byte {
	const version = 2
	at := append(a.open(len(key)-group+len(to)), key[:version]...)
	at = binary.BigEndian.AppendUint16(at, uint16(len(to)))
	at = append(at, to...)
	return a.seal(append(at, key[version+2+group:]...))
}

func (a *arena) offsetRecord(group, topic string, partition int32, c committed) Record {
	value := kmsg.OffsetCommitValue{
		Version:         offsetValueVersion,
		Offset:          c.offset,
		LeaderEpoch:     c.leaderEpoch,
		Metadata:        c.metadata,
		CommitTimestamp: c.commitTime,
		ExpireTimestamp: c.expireTime,
	}
	if c.expireTime != noTime {
		value.Version = offsetValueVersionExpire
	}
	key := a.offsetKey(group, topic, partition)
	return Record{Key: key, Value: a.seal(value.AppendTo(a.open(offsetValueMax + len(c.metadata)))), Topic: c.topic}
}

func groupKey(group string) []byte {
	key := kmsg.GroupMetadataKey{Version: groupKeyVersion, Group: group}
	return key.AppendTo(nil)
}

func groupRecord(group string, value *kmsg.GroupMetadataValue) Record {
	return Record{Key: groupKey(group), Value: value.AppendTo(nil)}
}

func decodeOffset(r Record) (committed, error) {
	var v kmsg.OffsetCommitValue
	if err := checkVersion(r.Value, offsetValueVersion); err != nil {
		return committed{}, fmt.Errorf("offset value: %w", err)
	}
	if err := v.ReadFrom(r.Value); err != nil {
		return committed{}, fmt.Errorf("%w: offset value: %w", errRecord, err)
	}
	c := committed{
		offset:      v.Offset,
		leaderEpoch: v.LeaderEpoch,
		metadata:    v.Metadata,
		commitTime:  v.CommitTimestamp,
		expireTime:  v.ExpireTimestamp,
		topic:       r.Topic,
	}
	// What a version does not have, the codec leaves at 0.
	if v.Version < offsetValueVersion {
		c.leaderEpoch = -1
	}
	if v.Version != offsetValueVersionExpire {
		c.expireTime = noTime
	}
	return c, nil
}

// decodeGroupValue copies what it reads: the record belongs to the journal.
func decodeGroupValue(value []byte) (*kmsg.GroupMetadataValue, error) {
	if err := checkVersion(value, groupValueVersion); err != nil {
		return nil, fmt.Errorf("group value: %w", err)
	}
	if !membersFit(value) {
		return nil, fmt.Errorf("%w: group value: more members than bytes", errRecord)
	}
	v := &kmsg.GroupMetadataValue{}
	if err := v.ReadFrom(append([]byte(nil), value...)); err != nil {
		return nil, fmt.Errorf("%w: group value: %w", errRecord, err)
	}
	if v.Version < 2 {
		v.CurrentStateTimestamp = noTime
	}
	for i := range v.Members {
		if v.Version < 1 {
			v.Members[i].RebalanceTimeoutMillis = v.Members[i].SessionTimeoutMillis
		}
	}
	return v, nil
}

func checkVersion(b []byte, most int16) error {
	if len(b) < 2 {
		return fmt.Errorf("%w: %d bytes are no version", errRecord, len(b))
	}
	if v := int16(binary.BigEndian.Uint16(b)); v < 0 || v > most {
		return fmt.Errorf("%w: unknown version %d", errRecord, v)
	}
	return nil
}

// membersFit reports whether a group value is long enough for the members that
// it claims, as the decoder allocates them before it reads them.
func membersFit(value []byte) bool {
	version := int16(binary.BigEndian.Uint16(value))
	c := shard.Cursor{Rest: value[2:]}
	skipText(&c)
	c.Int32()    // generation
	skipText(&c) // protocol
	skipText(&c) // leader
	if version >= 2 {
		c.Int64() // state timestamp
	}
	const memberMin = 18 // three strings, one number, two byte arrays
	c.Count(memberMin)
	return !c.Bad
}

// skipText passes over a string, null or not, of a version that is not flexible.
func skipText(c *shard.Cursor) { c.Take(max(int(c.Int16()), 0)) }

// skipBytes is skipText for a byte array.
func skipBytes(c *shard.Cursor) { c.Take(max(int(c.Int32()), 0)) }
