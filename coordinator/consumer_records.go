package coordinator

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// The records of consumer groups, as Kafka 4.2 writes them. Keys are not
// flexible: version i16, group, and for most a member id or a pattern. Every
// value has version 0 and is flexible:
//
//	key 3:  group           -> epoch i32; tag 0: hash of the subscribed topics i64, left out if 0
//	key 4:  group           -> what the hash replaced: skipped, never written
//	key 5:  group, member   -> what the member says of itself; tag 0: what it says
//	                           in the classic protocol, always there, null or not
//	key 6:  group           -> the epoch of the targets i32
//	key 7:  group, member   -> the member's target
//	key 8:  group, member   -> what it may own, what it must give up, its epochs
//	key 16: group, pattern  -> topics, version of the metadata, time
//
// A nil value is a tombstone.
const (
	consumerEpochKey   = 3
	consumerTopicsKey  = 4
	memberMetaKey      = 5
	assignmentEpochKey = 6
	memberTargetKey    = 7
	memberCurrentKey   = 8
	regexKey           = 16

	consumerValueVersion = 0
)

// consumerKey is the key of a consumer group's record.
type consumerKey struct {
	group string
	item  string // a member id or a pattern; "" where the key has none
}

// hasItem reports whether the key names something besides the group.
func hasItem(version uint16) bool {
	return version == memberMetaKey || version == memberTargetKey || version == memberCurrentKey || version == regexKey
}

func decodeConsumerKey(version uint16, key []byte) (consumerKey, error) {
	c := shard.Cursor{Rest: key[2:]}
	k := consumerKey{group: c.Text()}
	if hasItem(version) {
		k.item = c.Text()
	}
	if c.Bad {
		return k, fmt.Errorf("%w: key version %d of %d bytes", errRecord, version, len(key))
	}
	return k, nil
}

func consumerKeyOf(version uint16, group, item string) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 6+len(group)+len(item)), version)
	b = appendPlainString(b, group)
	if hasItem(version) {
		b = appendPlainString(b, item)
	}
	return b
}

// consumerTombstone removes what the record of that key says.
func consumerTombstone(version uint16, group, item string) Record {
	return Record{Key: consumerKeyOf(version, group, item)}
}

// decodeConsumerValue reads a value; what it returns puts it into the group,
// under the key's item.
func decodeConsumerValue(version uint16, value []byte) (func(*consumerGroup, string), error) {
	if err := checkVersion(value, consumerValueVersion); err != nil {
		return nil, err
	}
	c := shard.Cursor{Rest: value[2:], Flexible: true}
	apply := readConsumerValue(&c, version)
	if c.Bad {
		return nil, fmt.Errorf("%w: a value of %d bytes is cut or lies", errRecord, len(value))
	}
	return apply, nil
}

func readConsumerValue(c *shard.Cursor, version uint16) func(*consumerGroup, string) {
	switch version {
	case consumerEpochKey:
		epoch, hash := c.Int32(), int64(0)
		c.Tags(func(tag uint32, field *shard.Cursor) {
			if tag == 0 {
				hash = field.Int64()
			}
		})
		return func(g *consumerGroup, _ string) { g.recorded, g.epoch, g.hash = true, epoch, hash }
	case memberMetaKey:
		meta := readMemberMeta(c)
		return func(g *consumerGroup, id string) {
			meta.topics = g.index.lists.shared(meta.topics)
			g.change(id, func(m *consumerMember) { m.meta = meta })
		}
	case assignmentEpochKey:
		epoch := c.Int32()
		c.Tags(nil)
		return func(g *consumerGroup, _ string) { g.setAssignmentEpoch(epoch) }
	case memberTargetKey:
		target := readPartitions(c)
		c.Tags(nil)
		return func(g *consumerGroup, id string) { g.targets[id] = target }
	case memberCurrentKey:
		current := readMemberCurrent(c)
		return func(g *consumerGroup, id string) { g.change(id, func(m *consumerMember) { m.current = current }) }
	default: // regexKey: replay sends nothing else here
		r := resolvedRegex{topics: c.Texts(), version: c.Int64(), at: c.Int64()}
		c.Tags(nil)
		return func(g *consumerGroup, regex string) { g.setRegex(regex, &r) }
	}
}

func readMemberMeta(c *shard.Cursor) *memberMeta {
	m := &memberMeta{
		instance: c.NullableText(), rack: c.NullableText(),
		clientID: c.Text(), clientHost: c.Text(),
		topics: c.Texts(), regex: c.NullableText(),
		rebalanceTimeout: c.Int32(), assignor: c.NullableText(),
	}
	c.Tags(func(tag uint32, field *shard.Cursor) {
		if tag == 0 && field.Int8() >= 0 && !field.Bad && len(field.Rest) > 0 {
			m.classic = readClassicMeta(field)
		}
	})
	return m
}

func readClassicMeta(c *shard.Cursor) *classicMeta {
	m := &classicMeta{sessionTimeout: c.Int32()}
	const protocolMin = 3
	for range c.Count(protocolMin) {
		p := offer{name: c.Text(), metadata: c.Bytes()}
		c.Tags(nil)
		m.protocols = append(m.protocols, p)
	}
	c.Tags(nil)
	return m
}

func readMemberCurrent(c *shard.Cursor) memberCurrent {
	m := memberCurrent{epoch: c.Int32(), previous: c.Int32(), state: memberState(c.Int8())}
	if m.state < memberStable || m.state > memberUnreleased {
		m.state = memberUnknown
	}
	m.assigned, m.revoking = readPartitions(c), readPartitions(c)
	c.Tags(nil)
	return m
}

// valueOf begins a value.
func valueOf(size int) []byte {
	return binary.BigEndian.AppendUint16(make([]byte, 0, 2+size), consumerValueVersion)
}

func consumerEpochRecord(group string, epoch int32, hash int64) Record {
	value := appendInt32(valueOf(16), epoch)
	if hash == 0 {
		value = append(value, 0)
	} else {
		value = appendTag(append(value, 1), 0, appendInt64(nil, hash))
	}
	return Record{Key: consumerKeyOf(consumerEpochKey, group, ""), Value: value}
}

func memberMetaRecord(group, id string, m *memberMeta) Record {
	b := appendNullableString(valueOf(128), m.instance)
	b = appendNullableString(b, m.rack)
	b = appendCompactString(b, m.clientID)
	b = appendCompactString(b, m.clientHost)
	b = appendCompactStrings(b, m.topics)
	b = appendNullableString(b, m.regex)
	b = appendInt32(b, m.rebalanceTimeout)
	b = appendNullableString(b, m.assignor)
	b = appendTag(append(b, 1), 0, appendClassicMeta(nil, m.classic))
	return Record{Key: consumerKeyOf(memberMetaKey, group, id), Value: b}
}

func appendClassicMeta(b []byte, m *classicMeta) []byte {
	if m == nil {
		return append(b, 0)
	}
	b = appendInt32(append(b, 1), m.sessionTimeout)
	b = appendCompactLen(b, len(m.protocols))
	for _, p := range m.protocols {
		b = appendCompactString(b, p.name)
		b = appendCompactLen(b, len(p.metadata))
		b = append(b, p.metadata...)
		b = append(b, 0)
	}
	return append(b, 0)
}

func assignmentEpochRecord(group string, epoch int32) Record {
	return Record{Key: consumerKeyOf(assignmentEpochKey, group, ""), Value: append(appendInt32(valueOf(5), epoch), 0)}
}

func memberTargetRecord(group, id string, target partitions) Record {
	value := append(appendPartitions(valueOf(32), target), 0)
	return Record{Key: consumerKeyOf(memberTargetKey, group, id), Value: value}
}

func memberCurrentRecord(group, id string, m *memberCurrent) Record {
	b := appendInt32(valueOf(64), m.epoch)
	b = appendInt32(b, m.previous)
	b = append(b, byte(m.state))
	b = appendPartitions(b, m.assigned)
	b = appendPartitions(b, m.revoking)
	return Record{Key: consumerKeyOf(memberCurrentKey, group, id), Value: append(b, 0)}
}

func regexRecord(group, regex string, r *resolvedRegex) Record {
	b := appendCompactStrings(valueOf(64), r.topics)
	b = appendInt64(b, r.version)
	b = appendInt64(b, r.at)
	return Record{Key: consumerKeyOf(regexKey, group, regex), Value: append(b, 0)}
}

// dissolve removes all records of the group but its offsets. A crash between
// two chunks of them leaves a group without members, or members that restore
// takes for remains.
func (c *consumerGroup) dissolve(s *step, group string) {
	members := slices.Sorted(maps.Keys(c.members))
	for _, id := range members {
		s.record(consumerTombstone(memberCurrentKey, group, id))
	}
	for _, id := range slices.Sorted(maps.Keys(c.targets)) {
		s.record(consumerTombstone(memberTargetKey, group, id))
	}
	s.record(consumerTombstone(assignmentEpochKey, group, ""))
	for _, id := range members {
		s.record(consumerTombstone(memberMetaKey, group, id))
	}
	for _, regex := range slices.Sorted(maps.Keys(c.regexes)) {
		s.record(consumerTombstone(regexKey, group, regex))
	}
	s.record(consumerTombstone(consumerEpochKey, group, ""))
}
