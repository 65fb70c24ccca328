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
)

// Blocker is one thing that a group's rebalance waits for.
type Blocker struct {
	Kind   BlockerKind
	Member string    // its id; "" for the group itself
	Until  time.Time // when the wait ends at the latest; zero: nobody knows
}

// blockers lists what the group waits for, members in the order in which they
// came.
func (m *machine) blockers(g *group) []Blocker {
	switch g.state {
	case statePreparing:
		return m.joinBlockers(g)
	case stateCompleting:
		end := m.timers.at(timerKey{timerSync, g.id, ""})
		return []Blocker{{BlockedByLeader, g.leader, m.earlier(end, g, g.leader)}}
	case stateStable:
		var out []Blocker
		end := m.timers.at(timerKey{timerSync, g.id, ""})
		for _, member := range g.order {
			if _, ok := g.pendingSync[member.id]; ok {
				out = append(out, Blocker{BlockedBySync, member.id, m.earlier(end, g, member.id)})
			}
		}
		return out
	case stateEmpty, stateCount:
	}
	return nil
}

func (m *machine) joinBlockers(g *group) []Blocker {
	end := m.timers.at(timerKey{timerJoin, g.id, ""})
	if g.initial.active {
		return []Blocker{{Kind: BlockedByDelay, Until: end}}
	}
	var out []Blocker
	for _, member := range g.order {
		if member.join == nil {
			out = append(out, Blocker{BlockedByJoin, member.id, m.earlier(end, g, member.id)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.pendingJoin)) {
		out = append(out, Blocker{BlockedByNewcomer, id, m.earlier(end, g, id)})
	}
	return out
}

// earlier is the end of a wait, or of the member's session if that comes first.
func (m *machine) earlier(end time.Time, g *group, id string) time.Time {
	session := m.timers.at(timerKey{timerSession, g.id, id})
	if end.IsZero() || !session.IsZero() && session.Before(end) {
		return session
	}
	return end
}
