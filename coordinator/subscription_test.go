package coordinator

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"runtime"
	"testing"
)

func TestDecodeSubscription(t *testing.T) {
	t.Parallel()
	rack := "r"
	owned := []AssignedTopic{{"t", []int32{3}}}
	one := holding([]string{"u", "t", "u"}, []string{"t-3"})
	old := bytes.Clone(one)
	binary.BigEndian.PutUint16(old, 0)
	two := appendInt32(bytes.Clone(one), 7)
	binary.BigEndian.PutUint16(two, 2)
	three := racked(bytes.Clone(one), 7, "r")
	later := append(bytes.Clone(three), 1, 2, 3)
	binary.BigEndian.PutUint16(later, 9)
	for name, c := range map[string]struct {
		bytes []byte
		want  memberSubscription
	}{
		"version 0": {old, memberSubscription{}},
		"version 1": {one, memberSubscription{version: 1, owned: owned}},
		"version 2": {two, memberSubscription{version: 2, owned: owned, generationAt: len(one)}},
		"version 3": {three, memberSubscription{version: 3, owned: owned, generationAt: len(one), rack: &rack}},
		"no rack":   {racked(bytes.Clone(one), 7, ""), memberSubscription{version: 3, owned: owned, generationAt: len(one)}},
		"a later":   {later, memberSubscription{version: 9, owned: owned, generationAt: len(one), rack: &rack}},
	} {
		c.want.topics = []string{"t", "u"}
		got, ok := decodeSubscription(c.bytes)
		if !ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
		for end := range len(c.bytes) - 3 { // of a later version less may be enough
			if _, ok := decodeSubscription(c.bytes[:end]); ok && c.want.version > 0 {
				t.Errorf("%s: %d bytes of it are read", name, end)
			}
		}
	}
}

func TestRenumber(t *testing.T) {
	t.Parallel()
	before := racked(holding([]string{"t"}, []string{"t-3"}), 2, "rack")
	for name, c := range map[string]struct {
		metadata []byte
		want     int32
	}{
		"of the former": {before, 5},
		"of another":    {racked(holding([]string{"t"}, nil), 1, ""), 1},
		"of none":       {racked(holding([]string{"t"}, nil), -1, ""), -1},
	} {
		metadata := bytes.Clone(c.metadata)
		renumber([]offer{{"range", metadata}, {"garbage", []byte("x")}, {"old", subscription([]string{"t"})}}, 2, 5)
		sub, ok := decodeSubscription(metadata)
		if !ok || int32(binary.BigEndian.Uint32(metadata[sub.generationAt:])) != c.want {
			t.Errorf("%s: %v", name, metadata)
		}
		binary.BigEndian.PutUint32(metadata[sub.generationAt:], binary.BigEndian.Uint32(c.metadata[sub.generationAt:]))
		if !bytes.Equal(metadata, c.metadata) {
			t.Errorf("%s: other bytes changed", name)
		}
	}
}

// FuzzConsumerBytes reads what consumers say when they join, and what their leader
// assigns: whatever comes, no more is allocated than the input could be about.
func FuzzConsumerBytes(f *testing.F) {
	f.Add(subscription([]string{"t", "u"}))
	f.Add(racked(holding([]string{"t"}, []string{"t-3", "u-0"}), 4, "rack"))
	f.Add(assignment("t/0/1", "u/3"))
	f.Add(encodeAssignment(3, []AssignedTopic{{"t", []int32{1, 2}}}))
	f.Add([]byte{0, 1, 0x7f, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x7f, 0xff})
	v := viewOf(Topic{Name: "t", ID: topicA, Partitions: 4}, Topic{Name: "u", ID: topicB, Partitions: 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		sub, readable := decodeSubscription(b)
		given, assigned := readAssignment(b)
		runtime.ReadMemStats(&after)
		if most := uint64(100*len(b) + 4096); after.TotalAlloc-before.TotalAlloc > most {
			t.Fatalf("%d bytes of input take %d", len(b), after.TotalAlloc-before.TotalAlloc)
		}
		topics := map[string]struct{}{}
		if readable && (!readSubscription(b, topics) || len(topics) != len(sub.topics)) {
			t.Fatalf("topics %v, elsewhere %v", sub.topics, topics)
		}
		for _, set := range []partitions{partitionsOf(v, sub.owned), partitionsOf(v, given)} {
			again, ok := readAssignment(encodeAssignment(1, namesOf(v, set)))
			if !ok || !partitionsOf(v, again).equal(set) {
				t.Fatalf("%v comes back as %v", set, again)
			}
		}
		if !assigned && len(given) > 0 {
			t.Fatal("something is read of what cannot be read")
		}
	})
}
