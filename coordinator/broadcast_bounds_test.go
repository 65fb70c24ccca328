package coordinator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// broadcastMachine has a broadcast group g of so many cells, each with an offset for
// so many partitions of so many topics, and no members.
func broadcastMachine(t *testing.T, cells, topics, partitions int) (*machine, func() *step) {
	t.Helper()
	m := newMachine()
	config := DefaultConfig()
	view := anyView()
	view.modes = map[string]bool{"g": true}
	turn := func() *step {
		return &step{Turn: shard.Turn{Now: time.UnixMilli(1_000_000)}, config: &config, view: view, suffix: func() string { return "x" }}
	}
	s := turn()
	for i := range cells {
		for topic := range topics {
			for p := range partitions {
				c := committed{offset: int64(100 + i), leaderEpoch: -1, expireTime: noTime}
				s.record(new(arena).offsetRecord(slotPrefix("g", "c", "h")+strconv.Itoa(i), "t"+strconv.Itoa(topic), int32(p), c))
			}
		}
	}
	m.apply(s)
	return m, turn
}

// TestCommitAllBound: a commit for all members is no larger than a switch's copies.
func TestCommitAllBound(t *testing.T) {
	t.Parallel()
	const cells = 100
	note := strings.Repeat("x", 4096)
	for name, tt := range map[string]struct {
		cells, partitions int
		metadata          *string
		want              protocol.ErrorCode
	}{
		"few":               {cells, 10, nil, protocol.NoError},
		"too many":          {cells, copiesMax/cells + 1, nil, protocol.InvalidCommitOffsetSize},
		"no member":         {0, copiesMax/cells + 1, nil, protocol.NoError},
		"metadata":          {cells, resetMetadataMax / len(note) / cells, &note, protocol.NoError},
		"too much metadata": {cells, resetMetadataMax/len(note)/cells + 1, &note, protocol.InvalidCommitOffsetSize},
	} {
		m, turn := broadcastMachine(t, tt.cells, 1, 1)
		s := turn()
		req := commitRequest("g", "t", 0, 7)
		req.Topics[0].Partitions[0].Metadata = tt.metadata
		req.Topics[0].Partitions = slices.Repeat(req.Topics[0].Partitions, tt.partitions)
		resp := m.commit(s, req, Caller{}, nil)
		offsets := slices.DeleteFunc(s.Records(), func(r Record) bool { return r.Key[1] > 1 })
		want := (tt.cells + 1) * tt.partitions
		if tt.want != protocol.NoError {
			want = 0
		}
		if code := resp.Topics[0].Partitions[tt.partitions-1].ErrorCode; code != int16(tt.want) || len(offsets) != want {
			t.Errorf("%s: %s and %d records, want %s and %d", name, codeText(code), len(offsets), tt.want, want)
		}
	}
}

// TestCommitAlike: all members get what their group gets, each by its own name.
func TestCommitAlike(t *testing.T) {
	t.Parallel()
	m, turn := broadcastMachine(t, 3, 1, 1)
	s := turn()
	req := commitRequest("g", "t", 4, 7)
	note := "by hand"
	req.Topics[0].Partitions[0].Metadata = &note
	m.commit(s, req, Caller{}, nil)
	m.apply(s)
	want, ok := m.groups["g"].offsets.get("t", 4)
	if !ok || want.offset != 7 || want.metadata != note || s.commits != 4 {
		t.Fatalf("the group has %+v, and %d were committed", want, s.commits)
	}
	for _, cell := range m.facades["g"].sorted() {
		if got, _ := cell.offsets.get("t", 4); got != want {
			t.Errorf("%s: %+v, want %+v", cell.id, got, want)
		}
		if got, _ := cell.offsets.get("t0", 0); got.offset < 100 {
			t.Errorf("%s lost what it had: %+v", cell.id, got)
		}
	}
}

// TestLowestOfWanted: who asks for one partition does not pay for all of them.
func TestLowestOfWanted(t *testing.T) {
	t.Parallel()
	const cells, topics, partitions = 20, 5, 10
	m, turn := broadcastMachine(t, cells, topics, partitions)
	all := m.facades["g"].sorted()
	ask := func(topic string, asked ...int32) []kmsg.OffsetFetchRequestGroupTopic {
		return []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: asked}}
	}
	for name, tt := range map[string]struct {
		asked        []kmsg.OffsetFetchRequestGroupTopic
		found, looks int
	}{
		"all":         {nil, topics * partitions, cells * topics * partitions},
		"nothing":     {[]kmsg.OffsetFetchRequestGroupTopic{}, 0, 0},
		"one":         {ask("t0", 3), 1, cells},
		"often":       {ask("t0", slices.Repeat([]int32{3}, 1000)...), 1, cells},
		"not there":   {ask("t0", 99), 0, 0},
		"other topic": {ask("x", 3), 0, 0},
		"and more":    {ask("t0", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), partitions, cells * partitions},
	} {
		low := lowest(turn(), all, wishesOf(tt.asked))
		if low.out.size() != tt.found || low.looked != tt.looks {
			t.Errorf("%s: %d found, %d looked at, want %d and %d", name, low.out.size(), low.looked, tt.found, tt.looks)
		}
	}
	// And that is what a fetch over an unknown connection is answered.
	from, code := m.offsetsFor(turn(), &kmsg.OffsetFetchRequestGroup{Group: "g", Topics: ask("t1", 4)}, Caller{})
	if c, ok := from.offsets.get("t1", 4); code != protocol.NoError || !ok || c.offset != 100 || from.offsets.size() != 1 {
		t.Errorf("a fetch of one partition: %s, %v", code, from.offsets)
	}
}

// TestCellMembers: whoever is in a cell is found, and those that left take no room.
func TestCellMembers(t *testing.T) {
	t.Parallel()
	const cells = 100
	m, _ := broadcastMachine(t, cells, 1, 1)
	f := m.facades["g"]
	for round := range 20 {
		for i, cell := range f.sorted() {
			id := fmt.Sprintf("m%d-%d", round, i)
			cell.expect(id)
			if got := m.cellOf("g", id, nil, nil); got != cell {
				t.Fatalf("%s is not found", id)
			}
			if round > 0 {
				if got := m.cellOf("g", fmt.Sprintf("m%d-%d", round-1, i), nil, nil); got != nil {
					t.Fatalf("one that left is found in %s", got.id)
				}
			}
		}
		if err := checkCellMembers(f); err != nil {
			t.Fatal(err)
		}
		for i, cell := range f.sorted() {
			cell.discharge(fmt.Sprintf("m%d-%d", round, i))
		}
	}
	if f.members.noted > 3*cells {
		t.Errorf("%d members are noted of %d cells", f.members.noted, cells)
	}
	// Two cells that know the same id: the second is found when the first does not.
	at := f.sorted()
	at[0].expect("twin")
	at[1].expect("twin")
	at[0].discharge("twin")
	if got := m.cellOf("g", "twin", nil, nil); got != at[1] {
		t.Errorf("the other one of two is not found: %v", got)
	}
}

// checkCellMembers checks that the members of all cells are found by their ids.
func checkCellMembers(f *facade) error {
	noted := 0
	for _, at := range f.members.cells {
		noted += len(at)
	}
	if noted != f.members.noted || noted > max(f.members.most, cellMembersMin) {
		return fmt.Errorf("%d members noted, %d counted, at most %d", noted, f.members.noted, f.members.most)
	}
	for _, cell := range f.cells {
		for id := range cell.pendingJoin {
			if !slices.Contains(f.members.cells[id], cell) {
				return fmt.Errorf("%s is about to join %s, and not found", id, cell.id)
			}
		}
		for id := range cell.byID {
			if !slices.Contains(f.members.cells[id], cell) {
				return fmt.Errorf("%s is in %s, and not found", id, cell.id)
			}
		}
		if cell.consumer == nil {
			continue
		}
		for id := range cell.consumer.members {
			if !slices.Contains(f.members.cells[id], cell) {
				return fmt.Errorf("%s is a consumer in %s, and not found", id, cell.id)
			}
		}
	}
	return nil
}

// TestLeaveBound: one request removes a bounded number of members.
func TestLeaveBound(t *testing.T) {
	t.Parallel()
	groups := broadcastGroups(t)
	defer groups.Close()
	for n, want := range map[int]protocol.ErrorCode{10: protocol.NoError, leavingMax + 1: protocol.InvalidRequest} {
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Version, req.Group, req.Members = 5, "g", make([]kmsg.LeaveGroupRequestMember, n)
		groups.Leave(req, Caller{}, func(r *kmsg.LeaveGroupResponse) {
			if r.ErrorCode != int16(want) {
				t.Errorf("%d members: %s", n, codeText(r.ErrorCode))
			}
		})
	}
}
