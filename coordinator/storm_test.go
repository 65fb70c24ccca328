package coordinator

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// storm is a coordinator of one shard with a topic of many partitions, whose
// records are counted.
type storm struct {
	groups  *Groups
	clock   *clock.Manual
	targets int // assignments made
	records int
	bytes   int
	racks   int // how often somebody went over the topic's partitions
}

// stormView counts who goes over all partitions.
type stormView struct {
	testView
	racks *int
}

func (v stormView) Racks(model.TopicID) [][]string {
	*v.racks++
	return nil
}

func newStorm(t *testing.T, partitions int32) *storm {
	t.Helper()
	w := &storm{clock: clock.NewManual(time.UnixMilli(1))}
	config := DefaultConfig()
	config.Shards = 1
	journal := &shard.Memory{OnAppend: func(records []Record) {
		for _, r := range records {
			w.records++
			w.bytes += len(r.Key) + len(r.Value)
			if binary.BigEndian.Uint16(r.Key) == assignmentEpochKey {
				w.targets++
			}
		}
	}}
	w.groups = loadedShard(t, func() Config { return config }, Env{
		Clock: w.clock, Journals: func(int32) Journal { return journal },
		View: func() View {
			return stormView{viewOf(Topic{Name: "t", ID: model.TopicID{1}, Partitions: partitions}), &w.racks}
		},
	})
	return w
}

func (w *storm) join(t *testing.T, group string, members int) {
	t.Helper()
	for i := range members {
		w.joinOne(t, group, fmt.Sprintf("%05d", i))
		w.clock.Advance(time.Millisecond)
	}
}

func (w *storm) joinOne(t *testing.T, group, member string) {
	t.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.RebalanceTimeoutMillis = 1, group, member, 30_000
	req.SubscribedTopicNames, req.Topics = []string{"t"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	w.groups.ConsumerHeartbeat(req, Caller{ClientID: "c"}, func(r *kmsg.ConsumerGroupHeartbeatResponse) {
		if r.ErrorCode != 0 || r.MemberEpoch < 1 {
			t.Errorf("member %s: %s", member, beatText(r))
		}
	})
}

// TestJoinStorm: ten thousand members that come within ten seconds cost few
// assignments, and so few records; a moment later all is dealt out.
func TestJoinStorm(t *testing.T) {
	t.Parallel()
	const members = 10_000
	w := newStorm(t, 100)
	w.join(t, "g", members)
	w.clock.Advance(dealMost)
	g := w.groups.machine(0).groups["g"]
	if g.consumer.state() == consumerAssigning || len(g.consumer.members) != members {
		t.Errorf("%d members, %s", len(g.consumer.members), g.consumer.state())
	}
	if err := checkTargets(g, viewOf(Topic{Name: "t", ID: model.TopicID{1}, Partitions: 100})); err != nil {
		t.Error(err)
	}
	if w.targets > 300 || w.records > 4*members || w.bytes > 200*members {
		t.Errorf("%d assignments, %d records of %d bytes", w.targets, w.records, w.bytes)
	}
	if w.racks > w.targets+10 {
		t.Errorf("the topic was looked at %d times for %d assignments", w.racks, w.targets)
	}
	t.Logf("%d assignments, %d records of %d bytes", w.targets, w.records, w.bytes)
}

// TestDealtAtOnce: an ordinary group does not wait for another assignment, however
// often somebody comes or goes.
func TestDealtAtOnce(t *testing.T) {
	t.Parallel()
	const members = 100
	w := newStorm(t, 1000)
	w.join(t, "g", members)
	w.clock.Advance(dealMost)
	c := w.groups.machine(0).groups["g"].consumer
	for change := range 100 {
		leave := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		leave.Version, leave.Group, leave.MemberID, leave.MemberEpoch = 1, "g", "guest", epochLeave
		w.groups.ConsumerHeartbeat(leave, Caller{}, func(*kmsg.ConsumerGroupHeartbeatResponse) {})
		w.joinOne(t, "g", "guest")
		if len(c.members) != members+1 || c.assignmentEpoch != c.epoch {
			t.Fatalf("change %d: %d members, epoch %d, assigned %d", change, len(c.members), c.epoch, c.assignmentEpoch)
		}
		w.clock.Advance(15 * time.Millisecond)
	}
}

// TestSessionsEndTogether: so many that end at once are one turn of the shard, in
// which nothing is done over and over for all partitions.
func TestSessionsEndTogether(t *testing.T) {
	t.Parallel()
	const members = 10_000
	w := newStorm(t, 100)
	w.join(t, "g", members)
	w.clock.Advance(dealMost)
	w.racks, w.targets = 0, 0
	w.clock.Advance(DefaultConfig().ConsumerSession.Default)
	if g := w.groups.machine(0).groups["g"]; g.consumer.state() != consumerEmpty {
		t.Errorf("%d members, %s", len(g.consumer.members), g.consumer.state())
	}
	if w.racks > 2 || w.targets > 1 {
		t.Errorf("the topic was looked at %d times, for %d assignments", w.racks, w.targets)
	}
}

// TestSteadyHeartbeat: in a group of thousands it takes no more than in a small one.
func TestSteadyHeartbeat(t *testing.T) {
	w := newStorm(t, 100)
	cost := map[string]float64{}
	for group, members := range map[string]int{"small": 10, "large": 3000} {
		w.join(t, group, members)
		w.clock.Advance(dealMost)
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		// It has no partitions, so nothing has to be given up.
		req.Version, req.Group, req.MemberID, req.RebalanceTimeoutMillis = 1, group, fmt.Sprintf("%05d", members-1), unchanged
		beat := func() {
			w.groups.ConsumerHeartbeat(req, Caller{ClientID: "c"}, func(r *kmsg.ConsumerGroupHeartbeatResponse) {
				req.MemberEpoch = max(req.MemberEpoch, r.MemberEpoch)
			})
		}
		req.MemberEpoch = w.groups.machine(0).groups[group].consumer.members[req.MemberID].current.epoch
		beat() // comes to the newest epoch
		before := w.records
		cost[group] = testing.AllocsPerRun(100, beat)
		if w.records != before || req.MemberEpoch < 1 {
			t.Errorf("%s: a steady heartbeat wrote %d records", group, w.records-before)
		}
	}
	if cost["large"] > cost["small"]+2 {
		t.Errorf("allocations: %v", cost)
	}
}
