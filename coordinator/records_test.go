package coordinator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

func TestOffsetRecord(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]committed{
		"plain":       {offset: 7, leaderEpoch: -1, commitTime: 5, expireTime: noTime},
		"epoch":       {offset: 7, leaderEpoch: 3, metadata: "meta", commitTime: 5, expireTime: noTime},
		"topic":       {topic: model.TopicID{1, 15: 2}, offset: 7, leaderEpoch: 3, metadata: "meta", commitTime: 5, expireTime: noTime},
		"with expiry": {offset: 7, leaderEpoch: -1, commitTime: 5, expireTime: 9},
		"long":        {offset: 7, leaderEpoch: -1, metadata: strings.Repeat("m", stringMax), expireTime: noTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var room arena
			m := newMachine()
			if err := m.Replay(room.offsetRecord("g", "t", 4, want)); err != nil {
				t.Fatal(err)
			}
			if got, ok := m.groups["g"].offsets.get("t", 4); !ok || got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestOffsetRecordBytes holds what Kafka writes for such a commit, but for new
// clusters of 4.2, which store the topic's id in a later version of the value.
func TestOffsetRecordBytes(t *testing.T) {
	t.Parallel()
	var room arena
	r := room.offsetRecord("g", "t", 2, committed{offset: 1, leaderEpoch: 4, metadata: "m", commitTime: 3, expireTime: noTime})
	if want := []byte("\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x02"); !bytes.Equal(r.Key, want) {
		t.Errorf("key %q, want %q", r.Key, want)
	}
	want := []byte("\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04\x00\x01m\x00\x00\x00\x00\x00\x00\x00\x03")
	if !bytes.Equal(r.Value, want) {
		t.Errorf("value %q, want %q", r.Value, want)
	}
}

func TestGroupRecordBytes(t *testing.T) {
	t.Parallel()
	protocolName, leader := "p", "l"
	r := groupRecord("g", &kmsg.GroupMetadataValue{
		Version: groupValueVersion, ProtocolType: "c", Generation: 2, Protocol: &protocolName, Leader: &leader,
		CurrentStateTimestamp: 5,
		Members: []kmsg.GroupMetadataValueMember{{
			MemberID: "l", ClientID: "i", ClientHost: "h", RebalanceTimeoutMillis: 6, SessionTimeoutMillis: 7,
			Subscription: []byte("s"), Assignment: []byte("a"),
		}},
	})
	if want := []byte("\x00\x02\x00\x01g"); !bytes.Equal(r.Key, want) {
		t.Errorf("key %q, want %q", r.Key, want)
	}
	want := []byte("\x00\x03\x00\x01c\x00\x00\x00\x02\x00\x01p\x00\x01l\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01" +
		"\x00\x01l\xff\xff\x00\x01i\x00\x01h\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00\x00\x01s\x00\x00\x00\x01a")
	if !bytes.Equal(r.Value, want) {
		t.Errorf("value %q, want %q", r.Value, want)
	}
}

// TestArena checks that records of one arena do not share bytes.
func TestArena(t *testing.T) {
	t.Parallel()
	room := arena{free: make([]byte, 0, 100)}
	var records []Record
	for partition := range int32(50) {
		records = append(records, room.offsetRecord("group", "topic", partition, committed{offset: int64(partition), expireTime: noTime}))
	}
	m := newMachine()
	for _, r := range records {
		_ = append(r.Key, 0xff) // must not reach the neighbour
		if err := m.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	for partition := range int32(50) {
		if c, _ := m.groups["group"].offsets.get("topic", partition); c.offset != int64(partition) {
			t.Errorf("partition %d has offset %d", partition, c.offset)
		}
	}
}

func TestOldVersions(t *testing.T) {
	t.Parallel()
	m := newMachine()
	key := kmsg.OffsetCommitKey{Version: 0, Group: "g", Topic: "t"}
	for version := range int16(offsetValueVersion + 1) {
		key.Partition = int32(version)
		value := kmsg.OffsetCommitValue{Version: version, Offset: 9, LeaderEpoch: 2, CommitTimestamp: 3, ExpireTimestamp: 4}
		if err := m.Replay(Record{Key: key.AppendTo(nil), Value: value.AppendTo(nil)}); err != nil {
			t.Fatal(err)
		}
		want := committed{offset: 9, leaderEpoch: -1, commitTime: 3, expireTime: noTime}
		if version >= 3 {
			want.leaderEpoch = 2
		}
		if version == 1 {
			want.expireTime = 4
		}
		if got, _ := m.groups["g"].offsets.get("t", int32(version)); got != want {
			t.Errorf("version %d: %v, want %v", version, got, want)
		}
	}
	for version := range int16(groupValueVersion + 1) {
		value := kmsg.GroupMetadataValue{
			Version: version, ProtocolType: "consumer", Generation: 3, CurrentStateTimestamp: 8,
			Members: []kmsg.GroupMetadataValueMember{{MemberID: "m", SessionTimeoutMillis: 5, RebalanceTimeoutMillis: 6}},
		}
		if err := m.Replay(groupRecord("g", &value)); err != nil {
			t.Fatal(err)
		}
		g := m.groups["g"]
		g.restore()
		wantSince, wantRebalance := int64(noTime), int32(5)
		if version >= 2 {
			wantSince = 8
		}
		if version >= 1 {
			wantRebalance = 6
		}
		if g.since != wantSince || g.order[0].rebalanceTimeout != wantRebalance || g.generation != 3 {
			t.Errorf("version %d: since %d, rebalance timeout %d", version, g.since, g.order[0].rebalanceTimeout)
		}
	}
}

func TestBadRecords(t *testing.T) {
	t.Parallel()
	var room arena
	good := room.offsetRecord("g", "t", 0, committed{expireTime: noTime})
	for name, r := range map[string]Record{
		"no key":                  {Value: []byte("x")},
		"short key":               {Key: []byte{0}},
		"cut offset key":          {Key: good.Key[:5], Value: good.Value},
		"cut offset value":        {Key: good.Key, Value: good.Value[:9]},
		"empty offset value":      {Key: good.Key, Value: []byte{}},
		"unknown offset version":  {Key: good.Key, Value: []byte{0, 5, 0, 0}},
		"negative offset version": {Key: good.Key, Value: []byte{0xff, 0xff, 0, 0}},
		"cut group key":           {Key: []byte{0, 2, 0, 9}},
		"cut group value":         {Key: groupKey("g"), Value: []byte{0, 3, 0}},
		"unknown group version":   {Key: groupKey("g"), Value: []byte{0, 9, 0}},
		"members beyond the value": {Key: groupKey("g"), Value: []byte(
			"\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x05\x00\x00\x00\x00\x00")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := newMachine().Replay(r); !errors.Is(err, errRecord) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestForeignRecords skips the kinds of other groups, which Kafka's newer
// protocols keep in the same topic, and what consumer groups no longer write.
func TestForeignRecords(t *testing.T) {
	t.Parallel()
	m := newMachine()
	for _, version := range []byte{4, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20} {
		if err := m.Replay(Record{Key: []byte{0, version, 1, 2}, Value: []byte{0, 0, 9}}); err != nil {
			t.Errorf("key version %d: %v", version, err)
		}
	}
	if len(m.groups) != 0 {
		t.Errorf("%d groups", len(m.groups))
	}
}

// FuzzReplay feeds any record to a machine, and any state to restore: no panic,
// no memory for claimed lengths, and what was read can be written and read again.
func FuzzReplay(f *testing.F) {
	var room arena
	offset := room.offsetRecord("g", "t", 0, committed{offset: 1, metadata: "m", expireTime: noTime})
	expiring := room.offsetRecord("g", "t", 1, committed{offset: 1, expireTime: 5})
	f.Add(offset.Key, offset.Value)
	f.Add(expiring.Key, expiring.Value)
	f.Add(groupKey("g"), []byte("\x00\x03\x00\x00\x00\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	name := "x"
	for version := range int16(groupValueVersion + 1) {
		f.Add(groupKey("g"), (&kmsg.GroupMetadataValue{
			Version: version, ProtocolType: consumerType, Protocol: &name, Leader: &name,
			Members: []kmsg.GroupMetadataValueMember{{MemberID: "x", Subscription: subscription([]string{"t"})}},
		}).AppendTo(nil))
	}
	for _, r := range append(kafkaRecords(f), rewindRecord("g", someRewind())) {
		f.Add(r.Key, r.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m := newMachine()
		err := m.Replay(Record{Key: key, Value: value})
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 32<<10+64*uint64(len(key)+len(value)) {
			t.Fatalf("%d bytes allocated for a record of %d", got, len(key)+len(value))
		}
		if err != nil {
			return
		}
		checkConsumerAgain(t, m, Record{Key: key, Value: value})
		checkRewindAgain(t, m)
		for _, g := range m.groups {
			if g.stored == nil {
				continue
			}
			again := newMachine()
			if err := again.Replay(groupRecord(g.id, g.stored)); err != nil {
				t.Fatal(err)
			}
			if d := diff(g.stored, again.groups[g.id].stored); d != "" {
				t.Fatal(d)
			}
			g.restore()
			if err := g.checkRoster(); err != nil && g.leader != "" && g.byID[g.leader] != nil {
				t.Fatal(err)
			}
		}
	})
}

// checkConsumerAgain writes what a record said of a consumer group and reads it
// once more, and loads a machine from it.
func checkConsumerAgain(t *testing.T, m *machine, r Record) {
	t.Helper()
	version := binary.BigEndian.Uint16(r.Key)
	k, err := decodeConsumerKey(version, r.Key)
	if g := m.groups[k.group]; err != nil || g == nil || g.consumer == nil || !g.consumer.about(version, k.item) {
		return
	}
	again := newMachine()
	if err := again.Replay(encodeConsumer(m.groups[k.group].consumer, version, k)); err != nil {
		t.Fatal(err)
	}
	if d := diff(durable(m), durable(again)); d != "" {
		t.Fatalf("read (-) and written and read (+):\n%s", d)
	}
	if err := checkLoad([]Record{r}, anyView()); err != nil {
		t.Fatal(err)
	}
}

func checkRewindAgain(t *testing.T, m *machine) {
	t.Helper()
	for id, g := range m.groups {
		if g.rewind == nil {
			continue
		}
		again := newMachine()
		if err := again.Replay(rewindRecord(id, g.rewind)); err != nil {
			t.Fatal(err)
		}
		if d := diff(durable(m), durable(again)); d != "" {
			t.Fatalf("read (-) and written and read (+):\n%s", d)
		}
	}
}

// about reports whether the group has anything under a key.
func (c *consumerGroup) about(version uint16, item string) bool {
	return version != memberMetaKey && version != memberCurrentKey || c.members[item] != nil
}

// FuzzSubscription reads what members say of themselves.
func FuzzSubscription(f *testing.F) {
	f.Add(subscription([]string{"a", "topic"}))
	f.Add([]byte("\x00\x00\x7f\xff\xff\xff\x00\x01a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		topics := map[string]struct{}{}
		ok := readSubscription(b, topics)
		size := 0
		for topic := range topics {
			size += len(topic) + 2
		}
		if size > len(b) {
			t.Errorf("topics of %d bytes from %d", size, len(b))
		}
		var v kmsg.ConsumerMemberMetadata
		if ok && v.ReadFrom(b) == nil {
			for _, topic := range v.Topics {
				if _, is := topics[topic]; !is {
					t.Errorf("topic %q was not seen", topic)
				}
			}
		}
	})
}

// A client may ask for offsets to be kept for ever; the sum must not wrap.
func TestExpireTimeOfForever(t *testing.T) {
	req := &kmsg.OffsetCommitRequest{Version: 3, RetentionTimeMillis: math.MaxInt64}
	s := &step{Turn: shard.Turn{Now: time.UnixMilli(1_700_000_000_000)}}
	c := committedOf(s, req, &kmsg.OffsetCommitRequestTopicPartition{}, model.TopicID{})
	if c.expireTime != math.MaxInt64 || c.expired(s, noTime) {
		t.Errorf("expires at %d", c.expireTime)
	}
}
