package coordinator

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// loaded replays records and restores, as a shard does.
func loaded(records []Record, v View) (*machine, []Record, error) {
	m := newMachine()
	for _, r := range records {
		if err := m.Replay(r); err != nil {
			return nil, nil, err
		}
	}
	config := DefaultConfig()
	s := &step{Turn: shard.Turn{Now: time.UnixMilli(1000)}, config: &config, view: v, suffix: func() string { return "x" }}
	m.restore(s)
	m.apply(s)
	return m, s.Records(), nil
}

// checkLoad loads records and checks the machine that comes of it; what is
// loaded again, with what was mended, needs no mending. From there the groups
// find to an assignment in which nothing and nobody is left out.
func checkLoad(records []Record, v testView) error {
	m, mended, err := loaded(records, v)
	if err != nil {
		return err
	}
	records = append(records[:len(records):len(records)], mended...)
	if err := checkDurable(m, records); err != nil {
		return err
	}
	if err := checkMachine(m); err != nil {
		return err
	}
	if _, more, err := loaded(records, v); err != nil || len(more) > 0 {
		return fmt.Errorf("loaded again: %d records more, %w", len(more), err)
	}
	if len(v.all) == 0 { // there is nothing to deal out
		return nil
	}
	return checkSettles(m, v)
}

// compacted is the last record of each key, in the order of the log.
func compacted(records []Record) []Record {
	last := map[string]int{}
	for i, r := range records {
		last[string(r.Key)] = i
	}
	var out []Record
	for i, r := range records {
		if last[string(r.Key)] == i {
			out = append(out, r)
		}
	}
	return out
}

// kafkaTopics are the topics that Kafka's groups had, told apart by how many
// partitions they were given.
func kafkaTopics(t *testing.T, records []Record) testView {
	t.Helper()
	names := map[int]string{4: "alpha", 3: "beta", 1: "alphabet"}
	all := partitions{}
	for _, r := range records {
		if binary.BigEndian.Uint16(r.Key) != memberTargetKey || r.Value == nil {
			continue
		}
		c := newConsumerGroup()
		apply, err := decodeConsumerValue(memberTargetKey, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		apply(c, "")
		all = all.or(c.targets[""])
	}
	var topics []Topic
	for id, list := range all {
		topics = append(topics, Topic{Name: names[len(list)], ID: id, Partitions: int32(len(list))})
	}
	if len(topics) != len(names) {
		t.Fatalf("topics %v", topics)
	}
	return viewOf(topics...)
}

// TestKafkasLogCut loads every prefix of what Kafka wrote, as it is and
// compacted: whatever a crash kept is made whole.
func TestKafkasLogCut(t *testing.T) {
	t.Parallel()
	records := kafkaRecords(t)
	v := kafkaTopics(t, records)
	for end := range len(records) + 1 {
		for name, part := range map[string][]Record{"cut": records[:end], "compacted": compacted(records[:end])} {
			if err := checkLoad(part, v); err != nil {
				t.Errorf("%s after %d records: %v", name, end, err)
			}
		}
	}
}

// drawConsumerRecord makes a record of a consumer group, or a tombstone.
func drawConsumerRecord(t *rapid.T, group string) Record {
	version := rapid.SampledFrom([]uint16{3, 5, 5, 6, 7, 8, 8, 16}).Draw(t, "kind")
	id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "member")
	if rapid.IntRange(0, 4).Draw(t, "tombstone") == 0 {
		return consumerTombstone(version, group, id)
	}
	epoch := rapid.SampledFrom([]int32{epochAway, -1, 0, 1, 2, 3, math.MaxInt32}).Draw(t, "epoch")
	set := func(name string) partitions {
		p := partitions{}
		for _, partition := range rapid.SliceOfN(rapid.Int32Range(0, 3), 0, 3).Draw(t, name) {
			p.put(model.TopicID{1}, []int32{partition})
		}
		return p
	}
	switch version {
	case consumerEpochKey:
		return consumerEpochRecord(group, epoch, int64(epoch))
	case memberMetaKey:
		meta := &memberMeta{clientID: "c", topics: rapid.SampledFrom([][]string{{"t"}, {"t", "u"}, nil}).Draw(t, "topics"), rebalanceTimeout: 5}
		if i := rapid.SampledFrom([]string{"", "", "i"}).Draw(t, "instance"); i != "" {
			meta.instance = &i
		}
		if regex := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "regex"); regex != "" {
			meta.regex = &regex
		}
		if rapid.Bool().Draw(t, "classic") {
			meta.classic = &classicMeta{sessionTimeout: 7, protocols: []offer{{name: "range", metadata: []byte("m")}}}
		}
		return memberMetaRecord(group, id, meta)
	case assignmentEpochKey:
		return assignmentEpochRecord(group, epoch)
	case memberTargetKey:
		return memberTargetRecord(group, id, set("target"))
	case memberCurrentKey:
		state := rapid.SampledFrom([]memberState{memberStable, memberUnrevoked, memberUnreleased, memberUnknown}).Draw(t, "state")
		return memberCurrentRecord(group, id, &memberCurrent{epoch, epoch - 1, state, set("assigned"), set("revoking")})
	default:
		return regexRecord(group, id, &resolvedRegex{topics: []string{"t"}, version: 1, at: 2})
	}
}

// someTopics are those that drawConsumerRecord speaks of.
func someTopics() testView {
	return viewOf(Topic{Name: "t", ID: model.TopicID{1}, Partitions: 4}, Topic{Name: "u", ID: model.TopicID{2}, Partitions: 3})
}

func consumerRecords(group string) *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record { return drawConsumerRecord(t, group) })
}

// TestAnyOrder checks that what a compacted log says of consumer groups does
// not depend on the order of its records, nor does what a load makes of it.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	v := someTopics()
	rapid.Check(t, func(rt *rapid.T) {
		records := compacted(rapid.SliceOfN(consumerRecords("g"), 0, 20).Draw(rt, "records"))
		shuffled := rapid.Permutation(records).Draw(rt, "shuffled")
		one, other := newMachine(), newMachine()
		for i := range records {
			if err := one.Replay(records[i]); err != nil {
				rt.Fatal(err)
			}
			if err := other.Replay(shuffled[i]); err != nil {
				rt.Fatal(err)
			}
		}
		if d := diff(durable(one), durable(other)); d != "" {
			rt.Fatalf("in order (-) and shuffled (+):\n%s", d)
		}
		if err := checkLoad(records, v); err != nil {
			rt.Fatal(err)
		}
		first, _, _ := loaded(records, v)
		second, _, _ := loaded(shuffled, v)
		if d := diff(durable(first), durable(second)); d != "" {
			rt.Fatalf("loaded in order (-) and shuffled (+):\n%s", d)
		}
	})
}

// TestAnyRecords checks that a load survives whatever the log says, uncompacted
// and with both kinds of groups under one name.
func TestAnyRecords(t *testing.T) {
	t.Parallel()
	classic, v := newGroup("g").snapshot(), someTopics()
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Record {
			switch rapid.IntRange(0, 9).Draw(rt, "classic") {
			case 0:
				return groupRecord("g", classic)
			case 1:
				return Record{Key: groupKey("g")}
			}
			return drawConsumerRecord(rt, "g")
		}), 0, 30).Draw(rt, "records")
		if err := checkLoad(records, v); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestFree: a partition is free for who holds it alone, and for nobody else.
func TestFree(t *testing.T) {
	t.Parallel()
	m := newMachine()
	for id, current := range map[string]memberCurrent{
		"a": {epoch: 1, assigned: partitions{topicA: {0, 1}}, revoking: partitions{topicA: {2}}},
		"b": {epoch: 1, assigned: partitions{topicA: {3}}},
		"c": {epoch: epochAway, assigned: partitions{topicB: {0}}},
	} {
		if err := m.Replay(memberCurrentRecord("g", id, &current)); err != nil {
			t.Fatal(err)
		}
	}
	c := m.groups["g"].consumer
	for _, want := range []struct {
		member    string
		topic     model.TopicID
		partition int32
		free      bool
	}{
		{"a", topicA, 0, true},
		{"a", topicA, 2, true},
		{"a", topicA, 3, false},
		{"a", topicB, 0, false}, // who is away keeps it
		{"b", topicA, 0, false},
		{"b", topicA, 2, false},
		{"b", topicA, 4, true},
		{"c", topicB, 0, true},
		{"c", topicB, 1, true},
	} {
		if got := c.free(c.members[want.member], want.topic, want.partition); got != want.free {
			t.Errorf("%s, partition %d of %v: free %v", want.member, want.partition, want.topic, got)
		}
	}
}

func TestTopicsHash(t *testing.T) {
	t.Parallel()
	m := newMachine()
	if err := m.Replay(memberMetaRecord("g", "a", &memberMeta{topics: []string{"t", "u"}})); err != nil {
		t.Fatal(err)
	}
	c := m.groups["g"].consumer
	base := []Topic{{Name: "t", ID: topicA, Partitions: 2}, {Name: "other", ID: topicB, Partitions: 1}}
	want := c.hashTopics(viewOf(base...))
	// It is stored: it must be the same in every release.
	if got := binary.BigEndian.AppendUint64(nil, uint64(want)); fmt.Sprintf("%x", got) != "5642d4e839b91143" {
		t.Errorf("hash %x", got)
	}
	for name, topics := range map[string][]Topic{
		"another id":      {{Name: "t", ID: topicB, Partitions: 2}},
		"more partitions": {{Name: "t", ID: topicA, Partitions: 3}},
		"one more topic":  {base[0], {Name: "u", ID: topicB, Partitions: 2}},
		"none":            base[1:],
	} {
		if c.hashTopics(viewOf(topics...)) == want {
			t.Errorf("%s: the same hash", name)
		}
	}
	if c.hashTopics(viewOf(base[0])) != want {
		t.Error("a topic that nobody subscribes to counts")
	}
	if c.hashTopics(viewOf(base[1:]...)) != 0 {
		t.Error("no topics are not 0")
	}
}

func TestTopicsChanged(t *testing.T) {
	m := newMachine()
	for group, topic := range map[string]string{"g": "t", "h": "u"} {
		if err := m.Replay(memberMetaRecord(group, "a", &memberMeta{topics: []string{topic}})); err != nil {
			t.Fatal(err)
		}
	}
	config := DefaultConfig()
	v := viewOf(Topic{Name: "t", ID: model.TopicID{1}, Partitions: 1}, Topic{Name: "u", ID: model.TopicID{2}, Partitions: 1})
	s := &step{Turn: shard.Turn{Now: time.UnixMilli(1)}, config: &config, view: v}
	for i := range 1000 { // they cost nothing worth counting
		m.obtain(fmt.Sprintf("classic %d", i))
	}
	if n := testing.AllocsPerRun(1, func() { m.topicsChanged(s, []string{"v"}) }); n > 10 {
		t.Errorf("%v allocations for a topic that nobody consumes", n)
	}
	m.topicsChanged(s, []string{"v", "t"})
	if g, h := m.groups["g"].consumer, m.groups["h"].consumer; g.epoch != 1 || g.assignmentEpoch != 1 || h.epoch != 0 {
		t.Error("not the group that subscribes to it is assigned anew, or another is")
	}
}
