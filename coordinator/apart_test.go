package coordinator

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

// apartWorld is a coordinator of one shard whose journal takes small appends only.
type apartWorld struct {
	journal   *shard.Memory
	groups    *Groups
	broadcast bool
	ends      []int // numbers of records after each append
	lost      int
}

const (
	apartOffsets = 300
	apartBytes   = 150
)

// newApart loads records; a journal that is not small takes everything.
func newApart(t *testing.T, records []Record, broadcast, small bool) *apartWorld {
	t.Helper()
	w := &apartWorld{journal: &shard.Memory{}, broadcast: broadcast}
	w.journal.Set(func(j *shard.MemoryState) { j.Durable = records })
	if small {
		w.journal.Most = apartBytes
	}
	w.journal.OnAppend = func(records []Record) {
		before := 0
		if len(w.ends) > 0 {
			before = w.ends[len(w.ends)-1]
		}
		w.ends = append(w.ends, before+len(records))
	}
	config := DefaultConfig()
	config.Shards, config.BatchBytesMax, config.UnitBytesMax = 1, apartBytes, apartBytes
	w.groups = loadedShard(t, func() Config { return config }, Env{
		Clock: clock.NewManual(time.UnixMilli(1)), Journals: func(int32) Journal { return w.journal },
		View: func() View {
			v := anyView()
			v.modes = map[string]bool{"": w.broadcast}
			return v
		},
		Events: func(e Event) {
			if e.Kind == AppendFailed {
				w.lost++
			}
		},
	})
	synctest.Wait()
	return w
}

func (w *apartWorld) machine() *machine { return w.groups.machine(0) }

// commitTo commits as a tool does, from that offset on, partition by partition.
func (w *apartWorld) commitTo(t *testing.T, group string, from int64) {
	t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.Generation = 8, group, -1
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = "t"
	for i := range apartOffsets {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = int32(i), from+int64(i)
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	w.groups.CommitOffsets(req, Caller{}, func(r *kmsg.OffsetCommitResponse) {
		if code := r.Topics[0].Partitions[0].ErrorCode; code != 0 {
			t.Errorf("commit: %d", code)
		}
	})
}

// beat joins as a static member, or leaves.
func (w *apartWorld) beat(t *testing.T, group, instance string, epoch int32) {
	t.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = 1, group, "m"+instance, &instance
	req.MemberEpoch, req.RebalanceTimeoutMillis = epoch, 30_000
	req.SubscribedTopicNames, req.Topics = []string{"t"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	w.groups.ConsumerHeartbeat(req, Caller{ClientID: "c"}, func(r *kmsg.ConsumerGroupHeartbeatResponse) {
		if r.ErrorCode != 0 {
			t.Errorf("beat: %s", beatText(r))
		}
	})
}

func (w *apartWorld) switchTo(broadcast bool) {
	synctest.Wait() // what was held goes on goroutines of its own
	w.broadcast = broadcast
	w.groups.RulesChanged([]string{"g"})
	synctest.Wait()
}

// spread commits for each member what is its own: the first is behind.
func (w *apartWorld) spread(t *testing.T, cells []string) {
	t.Helper()
	for i, cell := range cells {
		w.commitTo(t, cell, int64(1000*(i+1)))
	}
}

// checkApart finds out whether groups have all offsets, from that one on, and whether
// one has no members any more.
func (m *machine) checkApart(empty string, from int64, full ...string) error {
	if m == nil {
		return errors.New("nothing is loaded")
	}
	if g := m.groups[empty]; g != nil && g.consumed() {
		return fmt.Errorf("group %s has members", empty)
	}
	for _, id := range full {
		for i := range int32(apartOffsets) {
			if g := m.groups[id]; g == nil {
				return fmt.Errorf("group %s has no offsets", id)
			} else if c, ok := g.offsets.get("t", i); !ok || c.offset != from+int64(i) {
				return fmt.Errorf("group %s is at %d in partition %d, there: %v", id, c.offset, i, ok)
			}
		}
	}
	return nil
}

// TestApart: what can be in appends of its own is: a journal that takes small
// appends only takes a group's switch of modes and its end. Whatever a crash between
// two of them keeps, the next load ends what was begun.
func TestApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testApart)
}

func testApart(t *testing.T) {
	w := newApart(t, nil, false, true)
	w.commitTo(t, "g", 0)
	cells := []string{staticCell("g", "0"), staticCell("g", "1")}
	join := func() {
		w.beat(t, "g", "0", epochJoin)
		w.beat(t, "g", "1", epochJoin)
	}
	for _, turn := range []struct {
		broadcast bool
		empty     string
		from      int64
		full      []string
	}{
		{true, "g", 0, cells},
		{false, cells[0], 1000, []string{"g"}},
	} {
		if !turn.broadcast {
			w.spread(t, cells)
		}
		join()
		first := len(w.ends)
		w.switchTo(turn.broadcast)
		if err := w.machine().checkApart(turn.empty, turn.from, turn.full...); err != nil || w.lost > 0 {
			t.Fatalf("broadcast %v: %v, %d appends lost", turn.broadcast, err, w.lost)
		}
		if len(w.ends)-first < 5 {
			t.Errorf("broadcast %v: %d appends", turn.broadcast, len(w.ends)-first)
		}
		all := w.journal.All()
		for _, end := range w.ends[first:] {
			after := newApart(t, all[:end:end], turn.broadcast, false)
			if err := after.machine().checkApart(turn.empty, turn.from, turn.full...); err != nil {
				t.Errorf("broadcast %v: after %d of %d records: %v", turn.broadcast, end, len(all), err)
			}
		}
	}
	remove := kmsg.NewPtrDeleteGroupsRequest()
	remove.Groups = append([]string{"g"}, cells...)
	w.groups.DeleteGroups(remove, func(r *kmsg.DeleteGroupsResponse) {
		if code := r.Groups[0].ErrorCode; code != 0 {
			t.Errorf("delete: %d", code)
		}
	})
	if len(w.machine().groups) > 0 || w.lost > 0 {
		t.Errorf("%d groups are left, %d appends lost", len(w.machine().groups), w.lost)
	}
}
