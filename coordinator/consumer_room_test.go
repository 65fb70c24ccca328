package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// TestTopicsShared: members that subscribe to the same topics keep them once, and so
// does a member that records itself anew; they count once.
func TestTopicsShared(t *testing.T) {
	t.Parallel()
	m := newMachine()
	for i, topics := range []string{"t u", "t u", "v", "t u", "t u", "v"} {
		record := memberMetaRecord("g", fmt.Sprint(i%5), &memberMeta{clientID: fmt.Sprint(i), topics: strings.Fields(topics)})
		if err := m.Replay(record); err != nil {
			t.Fatal(err)
		}
	}
	c := m.groups["g"].consumer
	list := func(id string) *string { return unsafe.SliceData(c.members[id].meta.topics) }
	if list("1") != list("4") || list("3") != list("4") {
		t.Error("equal lists are kept apart")
	}
	if len(c.index.lists) != 2 || c.index.bytes != 3*(nameBytes+1)+5 { // client ids
		t.Errorf("%d lists of %d bytes", len(c.index.lists), c.index.bytes)
	}
	if c.members["0"].meta.topics[0] != "v" || c.members["4"].meta.topics[1] != "u" {
		t.Errorf("%v %v", c.members["0"].meta.topics, c.members["4"].meta.topics)
	}
	again := list("4")
	if err := m.Replay(memberMetaRecord("g", "4", &memberMeta{clientID: "new", topics: []string{"t", "u"}})); err != nil {
		t.Fatal(err)
	}
	if list("4") != again {
		t.Error("a member's own list is made anew")
	}
}
