package coordinator

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// machine is the state of one shard: all its groups and their offsets. It is
// pure: it has no clock, no lock and no I/O, and one caller at a time. Each
// group has a durable part, which only replay changes, and a soft part (who
// waits for what), which dies with the machine.
type machine struct {
	groups      map[string]*group
	offsetCount int
	census      census
	rewinds     [rewindDone + 1]int // groups by the phase of their rewind
	timers      shard.Timers[timerKey]
	settled     []settling // consumer groups that came to rest in this step

	// Of transactions that have committed offsets here.
	txns       map[model.ProducerID]*openTxn   // durable
	txnRecords uint64                          // how many offsets they have committed, which puts those in order
	guards     map[model.ProducerID]*txnGuard  // soft
	ending     map[model.ProducerID]*shard.Txn // soft: the newest marker of each that is on its way

	// Of broadcast groups.
	facades  map[string]*facade // by base
	marks    marks
	sessions sessions
	cells    int       // in all facades
	loadedAt time.Time // when the shard was loaded
}

// settling is when all members of a consumer group have come to an epoch.
type settling struct {
	group string
	epoch int32
}

// Settle tells of the groups that came to rest, unless that was for a moment
// within the step only.
func (m *machine) Settle(s *step) {
	for _, at := range m.settled {
		g := m.groups[at.group]
		if g == nil || g.consumer == nil || g.consumer.epoch != at.epoch || g.consumer.state() != consumerStable {
			continue
		}
		s.settled++
		s.event(Event{Kind: GroupStabilized, Group: g.id, Generation: at.epoch, Members: len(g.consumer.members)})
	}
	m.settled = nil
}

// census is the number of groups by kind and state.
type census [kindCount][max(int(stateCount), int(consumerStateCount))]int

func (c *census) add(s standing, by int) { c[s.kind][s.state] += by }

func newMachine() *machine { return &machine{groups: map[string]*group{}} }

// Replay applies one record, and keeps nothing of its bytes. Kinds of other
// coordinators' groups are skipped.
func (m *machine) Replay(r Record) error {
	if r.Txn != nil && r.Txn.End != shard.EndNone {
		return m.endTxn(r.Txn)
	}
	if len(r.Key) < 2 {
		return fmt.Errorf("%w: a key of %d bytes", errRecord, len(r.Key))
	}
	switch version := binary.BigEndian.Uint16(r.Key); version {
	case 0, 1:
		return m.replayOffset(r)
	case groupKeyVersion:
		return m.replayGroup(r)
	case consumerEpochKey, memberMetaKey, assignmentEpochKey, memberTargetKey, memberCurrentKey, regexKey:
		return m.replayConsumer(version, r)
	case ownKeyVersion:
		return m.replayOwn(r)
	default:
		return nil
	}
}

func (m *machine) replayOffset(r Record) error {
	var key kmsg.OffsetCommitKey
	// The key's strings are only looked up, and cloned where they are kept:
	// most commits are about a partition that is known already.
	if err := key.UnsafeReadFrom(r.Key); err != nil {
		return fmt.Errorf("%w: offset key: %w", errRecord, err)
	}
	if r.Value == nil {
		g := m.groups[key.Group]
		if g == nil {
			return nil
		}
		erased := m.erasePending(g, key.Topic, key.Partition)
		if g.offsets.remove(key.Topic, key.Partition) {
			g.shown, erased = nil, true
			m.offsetCount--
		}
		if erased {
			m.forget(g)
		}
		return nil
	}
	c, err := decodeOffset(r)
	if err != nil {
		return err
	}
	if r.Txn != nil {
		m.holdTxn(r.Txn, &key, c)
		return nil
	}
	g := m.obtain(key.Group)
	g.shown = nil
	if g.pending != nil {
		g.overtakePending(key.Topic, key.Partition, math.MaxUint64)
	}
	if g.offsets.put(key.Topic, key.Partition, c) {
		m.offsetCount++
	}
	return nil
}

func (m *machine) replayGroup(r Record) error {
	var key kmsg.GroupMetadataKey
	if err := key.UnsafeReadFrom(r.Key); err != nil {
		return fmt.Errorf("%w: group key: %w", errRecord, err)
	}
	if r.Value == nil {
		if g := m.groups[key.Group]; g != nil {
			g.stored = nil
			m.forget(g)
		}
		return nil
	}
	value, err := decodeGroupValue(r.Value)
	if err != nil {
		return err
	}
	g := m.obtain(key.Group)
	g.stored, g.consumer = value, nil // of two kinds, the later one in the log is the group's
	m.recount(g)
	return nil
}

// obtain returns a group, made if it is not there.
func (m *machine) obtain(id string) *group {
	g := m.groups[id]
	if g == nil {
		g = newGroup(strings.Clone(id))
		m.groups[g.id] = g
		m.census.add(g.counted, 1)
		m.enlist(g)
	}
	return g
}

// recount counts a group anew whose kind or state may have changed.
func (m *machine) recount(g *group) {
	if now := g.standing(); now != g.counted && m.groups[g.id] == g {
		m.census.add(g.counted, -1)
		m.census.add(now, 1)
		g.counted = now
	}
}

// forget removes a group of which nothing is left, neither stored nor soft.
func (m *machine) forget(g *group) {
	if g.stored != nil || g.consumer != nil || g.rewind != nil || len(g.offsets) > 0 || g.pending != nil || !g.idle() || m.groups[g.id] != g {
		return
	}
	// A group that was empty before its offsets went may still wait for joins.
	m.timers.Cancel(timerKey{timerJoin, g.id, ""})
	m.timers.Cancel(timerKey{timerRewind, g.id, ""})
	delete(m.groups, g.id)
	m.census.add(g.counted, -1)
	m.strike(g)
}

// Restore tells of the load when all that it leads to is done.
func (m *machine) Restore(s *step, took time.Duration) {
	m.restore(s)
	m.apply(s)
	m.Settle(s)
	s.event(Event{Kind: ShardLoaded, Groups: len(m.groups), Count: m.offsetCount, Took: took})
}

// restore makes the soft part of freshly loaded groups: a member gets a new
// session timeout, as nobody knows when it was last heard of. What a crash left
// half done is mended first.
func (m *machine) restore(s *step) {
	m.loadedAt = s.Now
	m.settled = nil // long ago
	m.sweep(s)
	m.restoreConsumers(s)
	for _, g := range m.groups {
		if g.stored == nil {
			continue
		}
		g.restore()
		m.recount(g)
		for _, member := range g.order {
			m.watch(s, g, member)
		}
		switch {
		case len(g.order) > s.config.MembersMax:
			m.prepareRebalance(s, g, "the loaded group is above group.max.size")
		case len(g.order) > 0 && deref(g.stored.Leader) == "":
			m.prepareRebalance(s, g, "the group came to the classic protocol")
		}
	}
	m.goBackLoaded(s)
	m.restoreRewinds(s) // first: one that can be done now holds up no switch
	for _, base := range m.bases() {
		m.follow(s, base) // the rules may have changed meanwhile
		s.cut()
	}
	m.sweepMarks(s)
	if len(m.groups) > 0 {
		m.scheduleExpiry(s)
	}
}

// apply replays what a step has recorded so far, so that what follows in it
// reads plain state. Whatever can refuse a request comes before; a group of which
// nothing is left is no group of the machine's afterwards.
func (m *machine) apply(s *step) { shard.Apply(m, s) }

// Next is the earliest deadline.
func (m *machine) Next() (time.Time, bool) { return m.timers.Next() }

// Fire handles the first deadline that has passed.
func (m *machine) Fire(s *step) bool {
	key, due := m.timers.Pop(s.Now)
	if due {
		m.fire(s, key)
	}
	return due
}

func (m *machine) fire(s *step, key timerKey) {
	if key.kind == timerExpiry {
		m.expireOffsets(s)
		return
	}
	g := m.groups[key.group]
	if g == nil {
		return
	}
	switch key.kind {
	case timerSession:
		if g.consumer != nil {
			m.expireConsumer(s, g, key.member)
			return
		}
		m.expireSession(s, g, key.member)
	case timerJoin:
		if key.member != "" {
			m.expireClassic(s, g, key.member, "it did not join in time")
			return
		}
		m.expireJoin(s, g)
	case timerSync:
		if key.member != "" {
			m.expireClassic(s, g, key.member, "it did not sync in time")
			return
		}
		m.expireSync(s, g)
	case timerRebalance:
		m.expireRevocation(s, g, key.member)
	case timerAssign:
		if g.consumer != nil {
			m.assign(s, g)
		}
	case timerDowngrade:
		m.goBack(s, g)
	case timerPatterns:
		m.lookAgain(s, g)
	case timerRewind:
		m.expireRewind(s, g)
	case timerExpiry: // handled above: it belongs to no group
	}
}

// transition moves a group to a state and counts it there.
func (m *machine) transition(s *step, g *group, to groupState) {
	g.state = to
	g.since = s.wall()
	m.recount(g)
}

// Parked takes out the answers that members wait for, each to be given an
// error: the machine is being dropped.
func (m *machine) Parked() []shard.Answer {
	var answers []shard.Answer
	for _, g := range m.groups {
		for _, member := range g.order {
			if w := member.takeJoin(); w != nil {
				answers = append(answers, func(code protocol.ErrorCode) { w.reply(w.failed(code)) })
			}
			if w := member.takeSync(); w != nil {
				answers = append(answers, func(code protocol.ErrorCode) { w.reply(w.failed(code)) })
			}
		}
	}
	return answers
}
