package coordinator

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

var topicA, topicB = model.TopicID{1}, model.TopicID{2}

func TestPartitions(t *testing.T) {
	t.Parallel()
	p := newPartitions(map[model.TopicID][]int32{topicA: {3, 1, 3, 2}, topicB: {0}, {9}: {}})
	q := partitions{topicA: {2, 5}, {3}: {7}}
	for name, c := range map[string]struct{ got, want partitions }{
		"made of anything": {p, partitions{topicA: {1, 2, 3}, topicB: {0}}},
		"minus":            {p.minus(q), partitions{topicA: {1, 3}, topicB: {0}}},
		"minus nothing":    {p.minus(nil), p},
		"minus itself":     {p.minus(p), nil},
		"and":              {p.and(q), partitions{topicA: {2}}},
		"and nothing":      {p.and(nil), nil},
		"or":               {p.or(q), partitions{topicA: {1, 2, 3, 5}, topicB: {0}, {3}: {7}}},
		"nothing or":       {partitions(nil).or(q), q},
	} {
		if !c.got.equal(c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	if p.count() != 4 || !p.has(topicA, 3) || p.has(topicA, 0) || p.has(model.TopicID{9}, 0) {
		t.Errorf("count or has of %v", p)
	}
	if !(partitions{topicA: {1, 3}}).within(p) || q.within(p) || !partitions(nil).within(p) || p.within(nil) {
		t.Errorf("within %v", p)
	}
}

// TestParts: a topic that is named very often costs no more than one that is named
// once, be it by a member or in a damaged record.
func TestParts(t *testing.T) {
	const count = 50_000
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	encoded := appendCompactLen(nil, count)
	for i := range int32(count) {
		p := (i * 7) % 1000
		req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: topicA, Partitions: []int32{p, p + 1}})
		encoded = append(encoded, topicA[:]...)
		encoded = appendCompactLen(encoded, 1)
		encoded = binary.BigEndian.AppendUint32(encoded, uint32(p))
		encoded = append(encoded, 0) // no tags
	}
	for name, c := range map[string]struct {
		make func() partitions
		most float64 // allocations besides those of the parts
		want int
	}{
		"owned":  {func() partitions { return ownedOf(req) }, 100, 1001},
		"record": {func() partitions { return readPartitions(&shard.Cursor{Rest: encoded, Flexible: true}) }, count + 1000, 1000},
	} {
		var got partitions
		if n := testing.AllocsPerRun(1, func() { got = c.make() }); n > c.most {
			t.Errorf("%s: %v allocations", name, n)
		}
		if list := got[topicA]; len(list) != c.want || !slices.IsSorted(list) || len(got) != 1 {
			t.Errorf("%s: %d partitions of %d topics", name, len(list), len(got))
		}
	}
}

// TestPartitionsAsSets compares the operations with those of plain sets.
func TestPartitionsAsSets(t *testing.T) {
	t.Parallel()
	type one struct {
		topic     byte
		partition int32
	}
	set := rapid.MapOf(rapid.Custom(func(t *rapid.T) one {
		return one{rapid.ByteRange(0, 2).Draw(t, "topic"), rapid.Int32Range(0, 5).Draw(t, "partition")}
	}), rapid.Just(true))
	build := func(m map[one]bool, keep func(one) bool) partitions {
		p := partitions{}
		for o := range m {
			if keep(o) {
				p.put(model.TopicID{o.topic}, []int32{o.partition})
			}
		}
		return p
	}
	rapid.Check(t, func(rt *rapid.T) {
		a, b := set.Draw(rt, "a"), set.Draw(rt, "b")
		all := func(one) bool { return true }
		p, q := build(a, all), build(b, all)
		both := build(a, func(o one) bool { return b[o] })
		left := build(a, func(o one) bool { return !b[o] })
		either := build(b, all)
		for o := range a {
			either.put(model.TopicID{o.topic}, []int32{o.partition})
		}
		if !p.minus(q).equal(left) || !p.and(q).equal(both) || !p.or(q).equal(either) {
			rt.Fatalf("%v and %v: %v %v %v", p, q, p.minus(q), p.and(q), p.or(q))
		}
		if p.count() != len(a) || p.within(q) != (len(left) == 0) || p.equal(q) != (len(left) == 0 && len(a) == len(b)) {
			rt.Fatalf("%v and %v: count %d, within %v, equal %v", p, q, p.count(), p.within(q), p.equal(q))
		}
		for topic, list := range either {
			if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) || len(list) == 0 {
				rt.Fatalf("topic %v has %v", topic, list)
			}
		}
	})
}
