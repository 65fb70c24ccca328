package coordinator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// turns is a coordinator of one shard whose turns are told to a hook before they
// begin; with groups that have a thousand offsets each.
type turns struct {
	groups *Groups
	hook   func(turn int)
	count  int
}

func newTurns(t *testing.T, groups int) *turns {
	t.Helper()
	w := &turns{hook: func(int) {}}
	config := DefaultConfig()
	config.Shards = 1
	journal := &shard.Memory{}
	w.groups = loadedShard(t, func() Config { return config }, Env{
		Clock: clock.NewManual(time.UnixMilli(1)), Journals: func(int32) Journal { return journal },
		View: func() View {
			w.count++
			w.hook(w.count)
			return viewOf(Topic{Name: "t", Partitions: 1000})
		},
	})
	for i := range groups {
		req := commitRequest(fmt.Sprintf("g%d", i), "t", 0, 0)
		for p := int32(1); p < 1000; p++ {
			part := kmsg.NewOffsetCommitRequestTopicPartition()
			part.Partition = p
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, part)
		}
		w.groups.CommitOffsets(req, Caller{}, func(*kmsg.OffsetCommitResponse) {})
	}
	w.count = 0
	return w
}

// TestLookInTurns: who looks at all groups lets others have their turns in between,
// and each group is there once, with all its offsets.
func TestLookInTurns(t *testing.T) {
	const groups = 10
	w := newTurns(t, groups)
	var order []string
	w.hook = func(turn int) {
		if turn == 2 {
			w.groups.CommitOffsets(commitRequest("late", "t", 0, 7), Caller{}, func(*kmsg.OffsetCommitResponse) { order = append(order, "commit") })
		}
	}
	seen := map[string]int{}
	w.groups.Inspect(nil, func(views []GroupView, code protocol.ErrorCode) {
		order = append(order, "look")
		if code != protocol.NoError {
			t.Errorf("code %s", code)
		}
		for i := range views {
			views[i].Sort()
			seen[views[i].ID] += len(views[i].Offsets[0].Partitions)
		}
	})
	if fmt.Sprint(order) != "[commit look]" {
		t.Errorf("answers in this order: %v", order)
	}
	if w.count < groups*1000/walkMax {
		t.Errorf("%d turns", w.count)
	}
	for i := range groups {
		if n := seen[fmt.Sprintf("g%d", i)]; n != 1000 || len(seen) != groups {
			t.Fatalf("seen: %v", seen)
		}
	}
}

// TestLookAcrossUnload: groups that were seen before their shard was taken away are
// not shown: what they had may be lost.
func TestLookAcrossUnload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTurns(t, 10)
		w.hook = func(turn int) {
			if turn == 2 {
				go w.groups.Unload(0)
				synctest.Wait() // it is in the mailbox
			}
		}
		answers := 0
		w.groups.Inspect(nil, func(views []GroupView, code protocol.ErrorCode) {
			answers++
			if len(views) != 0 || code != protocol.NoError { // the shard is another's now
				t.Errorf("%d groups, code %s", len(views), code)
			}
		})
		if answers != 1 {
			t.Errorf("%d answers", answers)
		}
	})
}

// TestLookAgain: what is shown of a group's offsets is made once, until the group
// commits; what was shown does not change.
func TestLookAgain(t *testing.T) {
	w := newTurns(t, 1)
	look := func() (v GroupView) {
		w.groups.Inspect([]string{"g0"}, func(views []GroupView, _ protocol.ErrorCode) { v = views[0] })
		v.Sort()
		return v
	}
	first, second := look(), look()
	if &first.Offsets[0] != &second.Offsets[0] {
		t.Error("the offsets of an idle group were copied again")
	}
	w.groups.CommitOffsets(commitRequest("g0", "t", 3, 5), Caller{}, func(*kmsg.OffsetCommitResponse) {})
	third := look()
	if was, is := first.Offsets[0].Partitions[3].Offset, third.Offsets[0].Partitions[3].Offset; was != 0 || is != 5 {
		t.Errorf("%d, and after a commit of 5: %d", was, is)
	}
}

// BenchmarkInspect measures a look at 5,000 groups of 100 offsets each.
func BenchmarkInspect(b *testing.B) {
	groups := benchGroups(b, nullJournal{})
	for i := range 5000 {
		req := commitRequest(fmt.Sprintf("group-%d", i), "topic", 0, 1)
		for p := int32(1); p < 100; p++ {
			part := kmsg.NewOffsetCommitRequestTopicPartition()
			part.Partition = p
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, part)
		}
		groups.CommitOffsets(req, Caller{}, func(*kmsg.OffsetCommitResponse) {})
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		groups.Inspect(nil, func(views []GroupView, _ protocol.ErrorCode) {
			for i := range views {
				views[i].Sort()
			}
			n = len(views)
		})
		if n != 5000 {
			b.Fatalf("%d groups", n)
		}
	}
}
