package coordinator

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// durableGroup is all that records say of a group.
type durableGroup struct {
	Stored   *kmsg.GroupMetadataValue
	Offsets  offsetTable
	Consumer *durableConsumer
	Rewind   *rewind
	Pending  map[model.ProducerID]pendingTable // without their places: compaction has less to count
}

func durable(m *machine) map[string]durableGroup {
	out := map[string]durableGroup{}
	for id, g := range m.groups {
		if g.stored != nil || len(g.offsets) > 0 || g.consumer != nil || g.rewind != nil || g.pending != nil {
			out[id] = durableGroup{g.stored, g.offsets, g.consumer.durable(), g.rewind, g.durablePending()}
		}
	}
	return out
}

func (g *group) durablePending() map[model.ProducerID]pendingTable {
	out := pendingOf([]*group{g})
	for _, table := range out {
		for _, partitions := range table {
			for partition, p := range partitions {
				p.at = 0
				partitions[partition] = p
			}
		}
	}
	return out
}

func diff(a, b any) string {
	if reflect.DeepEqual(a, b) { // much cheaper, and nearly always true
		return ""
	}
	return gocmp.Diff(a, b, consumerTypes, cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(kmsg.GroupMetadataValue{}, "UnknownTags"),
		cmpopts.IgnoreFields(kmsg.GroupMetadataValueMember{}, "UnknownTags"))
}

// checkDurable compares a live machine with a replay of all records.
func checkDurable(live *machine, records []Record) error {
	replayed := newMachine()
	for _, r := range records {
		if err := replayed.Replay(r); err != nil {
			return err
		}
	}
	if d := diff(durable(replayed), durable(live)); d != "" {
		return fmt.Errorf("replay of all records (-) and live state (+) differ:\n%s", d)
	}
	if d := diff(replayed.txns, live.txns); d != "" {
		return fmt.Errorf("open transactions replayed (-) and live (+) differ:\n%s", d)
	}
	if d := diff(replayed.marks, live.marks); d != "" {
		return fmt.Errorf("marks replayed (-) and live (+) differ:\n%s", d)
	}
	if replayed.offsetCount != live.offsetCount {
		return fmt.Errorf("%d offsets replayed, %d live", replayed.offsetCount, live.offsetCount)
	}
	return nil
}

// checkMachine checks what group.go, roster.go and machine.go promise.
func checkMachine(m *machine) error {
	var counted census
	offsets := 0
	var rewinds [rewindDone + 1]int
	for id, g := range m.groups {
		if g.rewind.shown() != RewindNone {
			rewinds[g.rewind.phase]++
		}
		counted.add(g.standing(), 1)
		offsets += g.offsets.size()
		if err := cmp.Or(g.checkRoster(), g.checkState(), m.checkTimers(g), m.checkConsumer(g)); err != nil {
			return fmt.Errorf("group %s, %s: %w", id, g.state, err)
		}
	}
	if err := m.checkBroadcast(); err != nil {
		return err
	}
	if rewinds != m.rewinds {
		return fmt.Errorf("rewinds counted as %v, in truth %v", m.rewinds, rewinds)
	}
	if counted != m.census || offsets != m.offsetCount {
		return fmt.Errorf("counts %v and %d, in truth %v and %d", m.census, m.offsetCount, counted, offsets)
	}
	return nil
}

func (g *group) checkRoster() error {
	offers, static, awaiting := map[string]int{}, 0, 0
	for _, m := range g.order {
		if g.byID[m.id] != m {
			return fmt.Errorf("member %s is not known by its id", m.id)
		}
		if m.instance != nil {
			static++
			if g.byInstance[*m.instance] != m {
				return fmt.Errorf("member %s is not known by its instance", m.id)
			}
		}
		if m.join != nil {
			awaiting++
		}
		for _, p := range m.protocols {
			offers[p.name]++
		}
	}
	if len(g.byID) != len(g.order) || len(g.byInstance) != static || awaiting != g.awaitingJoin {
		return fmt.Errorf("%d members, %d by id; %d static, %d by instance; %d wait, %d counted",
			len(g.order), len(g.byID), static, len(g.byInstance), awaiting, g.awaitingJoin)
	}
	if d := diff(offers, g.offers); d != "" {
		return fmt.Errorf("offers: %s", d)
	}
	if (g.leader == "") != (len(g.order) == 0) || g.leader != "" && g.byID[g.leader] == nil {
		return fmt.Errorf("leader %q of %d members", g.leader, len(g.order))
	}
	return nil
}

func (g *group) checkState() error {
	waits := slices.ContainsFunc(g.order, func(m *member) bool { return m.sync != nil })
	switch {
	case g.state == stateEmpty && len(g.order) > 0:
		return fmt.Errorf("%d members", len(g.order))
	case (g.state == stateCompleting || g.state == stateStable) && len(g.order) == 0:
		return fmt.Errorf("no members")
	case g.state != statePreparing && g.awaitingJoin > 0:
		return fmt.Errorf("%d members wait to join", g.awaitingJoin)
	case g.state != stateCompleting && waits:
		return fmt.Errorf("a member waits for an assignment")
	case g.state != statePreparing && g.initial != initialDelay{}:
		return fmt.Errorf("initial delay %v", g.initial)
	}
	for id := range g.pendingSync {
		if g.byID[id] == nil {
			return fmt.Errorf("it waits for %s to sync, who is no member", id)
		}
	}
	if g.stored == nil || g.state != stateEmpty && g.state != stateStable {
		return nil
	}
	// An Empty or Stable group is what its record says.
	copied := newGroup(g.id)
	copied.stored = g.stored
	copied.restore()
	if d := diff(copied.snapshot(), g.snapshot()); d != "" {
		return fmt.Errorf("restored (-) and live (+) differ:\n%s", d)
	}
	if copied.state != g.state {
		return fmt.Errorf("it would be restored as %s", copied.state)
	}
	if d := diff(copied.subscribed, g.subscribed); d != "" {
		return fmt.Errorf("subscriptions: %s", d)
	}
	return nil
}

func (m *machine) checkTimers(g *group) error {
	for _, member := range g.order {
		if !m.timers.Has(timerKey{timerSession, g.id, member.id}) && !member.excused() {
			return fmt.Errorf("nobody watches member %s", member.id)
		}
	}
	for id := range g.pendingJoin {
		if !m.timers.Has(timerKey{timerSession, g.id, id}) {
			return fmt.Errorf("nobody watches pending member %s", id)
		}
	}
	if m.timers.Has(timerKey{timerJoin, g.id, ""}) != (g.state == statePreparing) {
		return fmt.Errorf("join timer")
	}
	if m.timers.Has(timerKey{timerSync, g.id, ""}) != (len(g.pendingSync) > 0) {
		return fmt.Errorf("sync timer with %d members to sync", len(g.pendingSync))
	}
	if undoable := g.rewind != nil && g.rewind.phase == rewindDone; undoable != m.timers.Has(timerKey{timerRewind, g.id, ""}) {
		return fmt.Errorf("rewind timer")
	}
	if err := g.checkEmptying(); err != nil {
		return err
	}
	if !m.timers.Has(timerKey{kind: timerExpiry}) {
		return fmt.Errorf("no expiry timer")
	}
	return nil
}

// checkEmptying checks what rewind_classic.go promises.
func (g *group) checkEmptying() error {
	emptying := g.rewind != nil && g.rewind.phase == rewindEmptying
	for id := range g.emptying.holding {
		if g.byID[id] == nil {
			return fmt.Errorf("%s holds partitions, who is no member", id)
		}
	}
	switch {
	case !emptying && g.emptying.holding != nil:
		return fmt.Errorf("members give up what they own, for nothing")
	case emptying && !g.consumed() && (g.state == stateEmpty || g.state == stateCompleting):
		return fmt.Errorf("a rewind is not done")
	case emptying && g.state == stateStable && len(g.emptying.holding) == 0:
		return fmt.Errorf("a rewind waits for nobody")
	}
	return nil
}
