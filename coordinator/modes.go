package coordinator

import (
	"maps"
	"slices"
	"strconv"

	"github.com/mainstem-mq/mainstem/protocol"
)

// mode is how a group is consumed.
type mode int8

const (
	modeUnknown   mode = iota // nobody has looked since the load
	modeCluster               // the members share the partitions
	modeBroadcast             // each member has all of them
)

// reviewsMax bounds the groups that are looked at in one turn of a shard when
// the rule of all of them may have changed.
const reviewsMax = 100

// RulesChanged tells that the rules of groups may have changed, nil: of all.
// Members of a group whose mode did are asked to join it anew, and a group that
// is to be dealt out in another way is, at once. It never waits for a shard.
func (g *Groups) RulesChanged(groups []string) {
	if groups == nil {
		for shard := range g.shards.Len() {
			g.reviewing(shard, func(m *machine, s *step) { g.review(shard, m.bases()) })
		}
		return
	}
	for _, id := range groups {
		g.reviewing(g.Shard(id), func(m *machine, s *step) { m.rulesChanged(s, id) })
	}
}

// reviewing has a shard look at groups of its. Nobody waits for it: one that is
// loaded later looks at its groups anyway.
func (g *Groups) reviewing(shard int32, run func(*machine, *step)) {
	g.shards.PostAside(shard, run, nil)
}

// review looks at groups, some in each turn.
func (g *Groups) review(shard int32, bases []string) {
	if len(bases) == 0 {
		return
	}
	some := bases[:min(reviewsMax, len(bases))]
	g.reviewing(shard, func(m *machine, s *step) {
		for _, base := range some {
			m.rulesChanged(s, base)
			s.cut()
		}
		g.review(shard, bases[len(some):])
	})
}

func (m *machine) rulesChanged(s *step, id string) {
	m.follow(s, id)
	m.redeal(s, id)
}

// bases lists all groups that are no cells, those too of which there are only
// cells, in order.
func (m *machine) bases() []string {
	ids := make([]string, 0, len(m.groups))
	for id, g := range m.groups {
		if !g.cell {
			ids = append(ids, id)
		}
	}
	for base := range m.facades {
		if m.groups[base] == nil {
			ids = append(ids, base)
		}
	}
	slices.Sort(ids)
	return ids
}

// inForce reports whether every member of the group gets every partition as it
// stands, whatever the rule is by now: lists and descriptions change nothing.
func (m *machine) inForce(s *step, id string) bool {
	f := m.facades[id]
	switch {
	case f == nil:
		return false // nobody has been in a cell
	case f.mode != modeUnknown:
		return f.mode == modeBroadcast
	case s.view.Rules(id).Broadcast:
		g := m.groups[id]
		return g == nil || g.idle()
	}
	return f.taken() > 0
}

// follow has a group follow its rule, and reports whether every member of it gets
// every partition then. If members are there that came under another rule, they are
// out of the group first; if they cannot be as yet, the former rule is in force.
func (m *machine) follow(s *step, id string) bool {
	if _, cell := baseOf(id); cell {
		return false // a cell is asked for by its name: a group like any other
	}
	if s.view.Rules(id).Broadcast {
		return m.toBroadcast(s, id)
	}
	return !m.toCluster(s, id)
}

// toBroadcast gives each member of a group that was shared so far a cell, which
// goes on from where the group is unless it knows better from an earlier time.
// The members then join anew and find their cells. It reports whether that is so
// now: a group that is held up goes on as it is.
func (m *machine) toBroadcast(s *step, base string) bool {
	if g := m.groups[base]; g != nil && !g.idle() {
		if g.isEmptying() || g.inTransaction() || g.size()*g.offsets.size() > copiesMax {
			return false
		}
		again := g.consumed() || g.stored != nil && len(g.stored.Members) > 0 // else a load finds nobody to copy for
		for _, id := range g.futureCells() {
			if len(id) <= stringMax {
				m.copyOffsets(s, g.offsets, id, copying{apart: again})
			}
		}
		// Last, so that after a crash between two appends it is all done again.
		m.disband(s, g, "the group is in broadcast mode now")
		m.apply(s)
	}
	if f := m.facades[base]; f != nil {
		f.mode = modeBroadcast
		m.mark(s, base)
	}
	return true
}

// copiesMax bounds the offsets that are copied in one step, when each member of a
// group gets all that the group has. Above it the members have to be stopped first.
const copiesMax = 500_000

// ResetMax bounds the offsets that one request without a member commits for a
// broadcast group: its partitions times the members, also those that are away.
const ResetMax = copiesMax

// resetMetadataMax bounds the bytes of metadata that go with them, each member's.
const resetMetadataMax = 16 << 20

// futureCells lists the cells that the members of a shared group will have.
func (g *group) futureCells() []string {
	var ids []string
	slots := map[string]int{}
	add := func(instance *string, clientID, clientHost string) {
		if instance != nil {
			ids = append(ids, staticCell(g.id, *instance))
			return
		}
		prefix := slotPrefix(g.id, clientID, clientHost)
		ids = append(ids, prefix+strconv.Itoa(slots[prefix]))
		slots[prefix]++
	}
	for _, member := range g.order {
		add(member.instance, member.clientID, member.clientHost)
	}
	if g.consumer != nil {
		for _, id := range slices.Sorted(maps.Keys(g.consumer.members)) {
			meta := g.consumer.members[id].meta
			add(meta.instance, meta.clientID, meta.clientHost)
		}
	}
	return ids
}

// toCluster lets the group go on from where the slowest member of its broadcast
// is, so that no record is missed. The cells stay until their offsets expire. It
// reports whether that is so now: while a member is being rewound, or a transaction
// is open that has offsets for one, all go on.
func (m *machine) toCluster(s *step, base string) bool {
	f := m.facades[base]
	switch {
	case f == nil:
		m.unmark(s, base)
		return true
	case f.mode == modeCluster:
		return true
	case slices.ContainsFunc(f.sorted(), (*group).isEmptying):
		return false
	}
	if f.mode == modeBroadcast || m.marked(base) || f.taken() > 0 {
		cells := f.sorted()
		if slices.ContainsFunc(append(cells, m.groups[base]), (*group).inTransaction) {
			return false // what that commits would come too late, and be consumed twice
		}
		from := working(cells)
		// Where a crash cut it short, a load does it again. With the mark the copies may
		// not be all there; without it they are, and who is left must not be copied over
		// them: the slowest member may be out already.
		was := f.mode == modeBroadcast || m.marked(base)
		m.copyOffsets(s, lowest(s, either(from, cells), nil).out, base, copying{
			over: was && len(from) > 0, later: was, apart: len(from) > 0 || m.marked(base),
		})
		m.unmark(s, base) // not before the copies: without them a load has to do it again
		for _, cell := range cells {
			if !cell.idle() {
				m.disband(s, cell, "the group is no longer in broadcast mode")
			}
		}
		m.apply(s)
	}
	f.mode = modeCluster
	return true
}

// inTransaction reports whether a transaction is open that has offsets for the group.
func (g *group) inTransaction() bool { return g != nil && g.pending != nil }

// either is the first of the two lists that is not empty.
func either(a, b []*group) []*group {
	if len(a) > 0 {
		return a
	}
	return b
}

// copying says how offsets are copied.
type copying struct {
	over  bool // over those that the other group has, if they are further or as old
	later bool // over those that it committed before
	apart bool // a crash may keep some of them: what a load finds besides has it copy them again
}

// copyOffsets commits offsets for another group, in order of topic and partition.
func (m *machine) copyOffsets(s *step, from offsetTable, to string, how copying) {
	var has offsetTable
	if g := m.groups[to]; g != nil {
		has = g.offsets
	}
	var room arena
	for _, topic := range slices.Sorted(maps.Keys(from)) {
		now := s.topic(topic)
		for _, partition := range slices.Sorted(maps.Keys(from[topic])) {
			c := from[topic][partition]
			old, ok := has.get(topic, partition)
			// Forward only by what was committed later: who is at work may be ahead of the
			// group by an earlier broadcast, and others are not back yet.
			over := how.over && (c.offset < old.offset || old.commitTime <= c.commitTime) || how.later && old.commitTime < c.commitTime
			if !now.keeps(c) || ok && now.keeps(old) && !over {
				continue
			}
			c.commitTime = s.wall()
			s.record(room.offsetRecord(to, topic, partition, c))
			if how.apart {
				s.cut()
			}
		}
	}
}

// disband takes everybody out of a group, who may join it anew.
func (m *machine) disband(s *step, g *group, reason string) {
	for _, id := range slices.Sorted(maps.Keys(g.pendingJoin)) {
		m.dismiss(s, g, id, protocol.UnknownMemberID, reason)
	}
	if g.consumer != nil {
		m.disbandConsumers(s, g, reason)
		return
	}
	for _, member := range slices.Clone(g.order) {
		m.dismiss(s, g, member.id, protocol.UnknownMemberID, reason)
	}
	if g.state == stateEmpty {
		m.forget(g)
		return
	}
	m.timers.Cancel(timerKey{timerJoin, g.id, ""})
	m.stopSync(g)
	g.initial = initialDelay{}
	g.generation++
	m.empty(s, g)
	m.apply(s) // whoever comes next sees that it is stored
}
