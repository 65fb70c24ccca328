package coordinator

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
)

// kafkaRecords are the groups' records of an Apache Kafka 4.2 broker, in the
// order of its log: Java consumers of both protocols joined, left and came back
// (one static, one by pattern, one with a rack), a group was deleted, another
// went from the classic protocol to the consumer protocol and back. "-" is a
// tombstone.
func kafkaRecords(tb testing.TB) []Record {
	tb.Helper()
	text, err := os.ReadFile("testdata/kafka42/groups.hex")
	if err != nil {
		tb.Fatal(err)
	}
	var records []Record
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		r := Record{Key: unhex(tb, key)}
		if value != "-" {
			r.Value = unhex(tb, value)
		}
		records = append(records, r)
	}
	return records
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// encodeConsumer writes what a group says under a key.
func encodeConsumer(c *consumerGroup, version uint16, k consumerKey) Record {
	switch version {
	case consumerEpochKey:
		return consumerEpochRecord(k.group, c.epoch, c.hash)
	case memberMetaKey:
		return memberMetaRecord(k.group, k.item, c.members[k.item].meta)
	case assignmentEpochKey:
		return assignmentEpochRecord(k.group, c.assignmentEpoch)
	case memberTargetKey:
		return memberTargetRecord(k.group, k.item, c.targets[k.item])
	case memberCurrentKey:
		return memberCurrentRecord(k.group, k.item, &c.members[k.item].current)
	case regexKey:
		r := c.regexes[k.item]
		return regexRecord(k.group, k.item, &r)
	}
	return Record{}
}

// TestKafkasBytes reads what Kafka wrote and writes it again: the same bytes,
// but for the order of topics, which is a hash map's in Kafka.
func TestKafkasBytes(t *testing.T) {
	t.Parallel()
	seen := map[uint16]int{}
	m := newMachine()
	for _, r := range kafkaRecords(t) {
		if err := m.Replay(r); err != nil {
			t.Fatalf("%x %x: %v", r.Key, r.Value, err)
		}
		version := binary.BigEndian.Uint16(r.Key)
		if version == groupKeyVersion || r.Value == nil {
			continue
		}
		seen[version]++
		k, err := decodeConsumerKey(version, r.Key)
		if err != nil {
			t.Fatal(err)
		}
		again := encodeConsumer(m.groups[k.group].consumer, version, k)
		if !bytes.Equal(again.Key, r.Key) || len(again.Value) != len(r.Value) {
			t.Errorf("key version %d, read and written again:\n%x %x\n%x %x", version, r.Key, r.Value, again.Key, again.Value)
		}
		if !bytes.Equal(again.Value, r.Value) {
			if version != memberTargetKey && version != memberCurrentKey {
				t.Errorf("key version %d, read and written again:\n%x\n%x", version, r.Value, again.Value)
			}
			seen[100+version]++
		}
	}
	for _, version := range []uint16{3, 5, 6, 7, 8, 16} {
		if seen[version] == 0 || seen[version] == seen[100+version] {
			t.Errorf("of key version %d there are %d records, %d with another order of topics", version, seen[version], seen[100+version])
		}
	}
}

// TestKafkasGroup checks what the last of the recorded groups is read as.
func TestKafkasGroup(t *testing.T) {
	t.Parallel()
	m := newMachine()
	for _, r := range kafkaRecords(t) {
		if err := m.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	if m.groups["grp"] != nil {
		t.Error("the deleted group is still there")
	}
	if up := m.groups["up"]; up == nil || up.consumer != nil || up.stored == nil {
		t.Errorf("the group that went back to the classic protocol: %+v", up)
	}
	c := m.groups["alive"].consumer
	if len(c.members) != 2 || c.state() != consumerStable || c.epoch != c.assignmentEpoch {
		t.Errorf("%d members, %s, epochs %d and %d", len(c.members), c.state(), c.epoch, c.assignmentEpoch)
	}
	for id, member := range c.members {
		if member.meta.rebalanceTimeout != 300_000 || member.meta.clientHost != "/127.0.0.1" || len(member.meta.topics) == 0 {
			t.Errorf("member %s: %+v", id, member.meta)
		}
		if !member.current.assigned.equal(c.targets[id]) || member.current.assigned.count() == 0 {
			t.Errorf("member %s has %v of %v", id, member.current.assigned, c.targets[id])
		}
	}
	if c.index.subscribers["alpha"] != 1 || c.index.subscribers["beta"] != 2 {
		t.Errorf("subscribers %v", c.index.subscribers)
	}
}

// TestLaterTags skips what later releases add, and knows no state that they know.
func TestLaterTags(t *testing.T) {
	t.Parallel()
	set := partitions{{7}: {0, 3}}
	r := memberCurrentRecord("g", "m", &memberCurrent{epoch: 3, previous: 2, state: 5, assigned: set})
	r.Value = append(r.Value[:len(r.Value)-1], "\x02\x00\x03abc\x07\x00"...)
	m := newMachine()
	if err := m.Replay(r); err != nil {
		t.Fatal(err)
	}
	got := m.groups["g"].consumer.members["m"].current
	if got.epoch != 3 || got.previous != 2 || got.state != memberUnknown || !got.assigned.equal(set) || got.revoking.count() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestBadConsumerRecords(t *testing.T) {
	t.Parallel()
	instance := "i"
	meta := memberMetaRecord("g", "m", &memberMeta{instance: &instance, clientID: "c", topics: []string{"t"}})
	for name, r := range map[string]Record{
		"cut key":         {Key: meta.Key[:len(meta.Key)-1], Value: meta.Value},
		"cut value":       {Key: meta.Key, Value: meta.Value[:len(meta.Value)-1]},
		"empty value":     {Key: meta.Key, Value: []byte{}},
		"unknown version": {Key: meta.Key, Value: append([]byte{0, 1}, meta.Value[2:]...)},
		"more topics than bytes": {Key: consumerKeyOf(memberTargetKey, "g", "m"), Value: []byte(
			"\x00\x00\xff\xff\xff\xff\x0f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
		"endless length": {Key: consumerKeyOf(regexKey, "g", "r"), Value: []byte(
			"\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
		"cut tag": {Key: consumerKeyOf(consumerEpochKey, "g", ""), Value: []byte("\x00\x00\x00\x00\x00\x01\x01\x00\x04\x00")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine()
			if err := m.Replay(r); !errors.Is(err, errRecord) {
				t.Errorf("got %v", err)
			}
			if len(m.groups) != 0 {
				t.Error("it made a group")
			}
		})
	}
}
