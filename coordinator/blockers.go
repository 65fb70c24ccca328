package coordinator

import (
	"maps"
	"slices"
	"time"
)

// BlockerKind says what a rebalance waits for.
type BlockerKind string

// The kinds of blockers.
const (
	// BlockedByDelay: the first rebalance of a group waits for more members, and
	// longer while they come.
	BlockedByDelay BlockerKind = "initial-delay"
	// BlockedByJoin: the member has not joined the next generation.
	BlockedByJoin BlockerKind = "join"
	// BlockedByNewcomer: a client was given a member id and has not come back
	// with it.
	BlockedByNewcomer BlockerKind = "newcomer"
	// BlockedByLeader: the leader has not sent the assignment.
	BlockedByLeader BlockerKind = "assignment"
	// BlockedBySync: the member has not fetched its assignment. The others work
	// already; if it stays away they will have to rebalance.
	BlockedBySync BlockerKind = "sync"

	// Those that follow are of consumer groups.

	// BlockedByPause: a group that was dealt out anew often is so after a pause.
	BlockedByPause BlockerKind = "assign"
	// BlockedByDowngrade: all members use the classic protocol, and the group becomes a
	// classic one after a pause, as it was one a moment ago.
	BlockedByDowngrade BlockerKind = "downgrade"
	// BlockedByRevoke: the member has not shown that it gave the partitions up.
	BlockedByRevoke BlockerKind = "revoke"
	// BlockedByHolder: the member waits for partitions that another holds.
	BlockedByHolder BlockerKind = "holder"
	// BlockedByBeat: the member has not come since it could go on; or it is a
	// static one that left, and has yet to come back.
	BlockedByBeat BlockerKind = "heartbeat"
)

// Blocker is one thing that a group's rebalance waits for.
type Blocker struct {
	Kind   BlockerKind
	Member string // its id; "" for the group itself
	// Until is when the wait ends at the latest; zero: nobody knows. A member whose
	// session ends before is out by then if it is not heard of: see MemberView.
	Until time.Time
	// Of consumer groups: which partitions it is about, who holds them if that is
	// another member, and since when that is to give them up (zero: unknown).
	Partitions []AssignedTopic
	Holder     string
	Since      time.Time
}

// blockers lists what the group waits for, members in the order in which they
// came.
func (m *machine) blockers(g *group) []Blocker {
	switch g.state {
	case statePreparing:
		return m.joinBlockers(g)
	case stateCompleting:
		end := m.timers.At(timerKey{timerSync, g.id, ""})
		return []Blocker{{Kind: BlockedByLeader, Member: g.leader, Until: m.latest(end, g, g.leader)}}
	case stateStable:
		var out []Blocker
		end := m.timers.At(timerKey{timerSync, g.id, ""})
		for _, member := range g.order {
			if _, ok := g.pendingSync[member.id]; ok {
				out = append(out, Blocker{Kind: BlockedBySync, Member: member.id, Until: m.latest(end, g, member.id)})
			}
		}
		return out
	case stateEmpty, stateCount:
	}
	return nil
}

func (m *machine) joinBlockers(g *group) []Blocker {
	end := m.timers.At(timerKey{timerJoin, g.id, ""})
	if g.initial.active {
		return []Blocker{{Kind: BlockedByDelay, Until: end}}
	}
	var out []Blocker
	for _, member := range g.order {
		if member.join == nil {
			out = append(out, Blocker{Kind: BlockedByJoin, Member: member.id, Until: m.latest(end, g, member.id)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.pendingJoin)) {
		out = append(out, Blocker{Kind: BlockedByNewcomer, Member: id, Until: m.earlier(end, g, id)})
	}
	return out
}

// latest is the end of a wait: each heartbeat moves the end of the member's
// session, so that counts only if there is no other.
func (m *machine) latest(end time.Time, g *group, id string) time.Time {
	if end.IsZero() {
		return m.timers.At(timerKey{timerSession, g.id, id})
	}
	return end
}

// earlier is the end of a wait, or of the session of who sends no heartbeats if
// that comes first.
func (m *machine) earlier(end time.Time, g *group, id string) time.Time {
	session := m.timers.At(timerKey{timerSession, g.id, id})
	if end.IsZero() || !session.IsZero() && session.Before(end) {
		return session
	}
	return end
}
