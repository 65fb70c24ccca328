package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Members of the consumer protocol have cells as those of the classic protocol
// have, and of the same names: a process that changes its protocol goes on where
// it was. In its cell a member is the only one, so that the assignor, whichever
// it is, gives it every partition that it subscribes to.

// place finds the group that a heartbeat is about, and has the heartbeat name it:
// the one that it names already or, if that is a broadcast group, the member's
// cell. Of a member without one the client hears that it is none, and joins.
func (m *machine) place(s *step, b *beat) *protocol.Error {
	base := b.req.Group
	if !m.follow(s, base) {
		return nil
	}
	id, code := m.cellFor(s, base, b)
	switch code {
	case protocol.NoError:
		b.req.Group = id
		return nil
	case protocol.UnknownMemberID:
		return protocol.Errorf(code, "Group %s has no member %s.", base, b.req.MemberID)
	case protocol.GroupMaxSizeReached:
		return protocol.Errorf(code, "Group %s has %d members: group.consumer.max.size.", base, m.facades[base].taken())
	case protocol.InvalidGroupID:
		return protocol.Errorf(code, "The names of group %s and of its member are too long together.", base)
	default:
		return &protocol.Error{Code: code}
	}
}

func (m *machine) cellFor(s *step, base string, b *beat) (string, protocol.ErrorCode) {
	id, instance := b.req.MemberID, b.req.InstanceID
	cell := m.cellOf(base, id, instance, b.caller.Session)
	switch {
	case b.joins() && instance != nil:
		return m.takeInstance(s, base, b)
	case cell != nil:
		return cell.id, protocol.NoError
	case !b.joins():
		return "", protocol.UnknownMemberID
	}
	return m.takeSlot(s, base, b.caller, s.config.ConsumerMembersMax)
}

// takeInstance gives a static member its place. A former one that is still there
// keeps it, as in any group, or two processes of one name would put each other out
// for ever; but one whose connections are gone does not: it will not come back to
// say that it left, and clients do not try twice.
func (m *machine) takeInstance(s *step, base string, b *beat) (string, protocol.ErrorCode) {
	id := staticCell(base, *b.req.InstanceID)
	if cell := m.groups[id]; cell != nil && !cell.idle() && !cell.knows(b.req.MemberID) && !cell.away() {
		switch {
		case !cell.consumed():
			m.disband(s, cell, "a process of its name uses the consumer protocol now")
		case len(cell.sessions) > 0: // the protocol's own rule decides
		case m.unheard(s, cell):
			return "", protocol.CoordinatorLoadInProgress
		default:
			m.disband(s, cell, "its connection closed and another process took its place")
		}
	}
	return m.takePlace(base, id, s.config.ConsumerMembersMax)
}

// attend notes that a cell's member was heard of, and that it has to fetch offsets
// if it was given partitions.
func (m *machine) attend(s *step, b *beat, given bool) {
	g := m.groups[b.req.Group]
	if g == nil || !g.cell || !g.knows(b.req.MemberID) {
		return
	}
	m.bind(s, b.caller.Session, g)
	g.heard = s.Now
	if given {
		g.fetchDue = s.Now
	}
}

// away reports whether the member said that it, or one of its name, will be back.
func (g *group) away() bool {
	if g.consumer == nil {
		return false
	}
	for _, member := range g.consumer.members {
		if member.current.epoch != epochAway {
			return false
		}
	}
	return true
}

// occupant is what the client of a cell's member calls itself, and where it is.
type occupant struct {
	clientID, clientHost string
	heard                time.Time // of its last request; zero: none since the load
	session              time.Duration
}

// occupant tells who is in a cell; false: nobody, or one that has a member id only.
func (m *machine) occupant(s *step, cell *group) (occupant, bool) {
	for _, member := range cell.order {
		session := time.Duration(member.sessionTimeout) * time.Millisecond
		return occupant{member.clientID, member.clientHost, member.heard, session}, true
	}
	if cell.consumer != nil {
		for _, member := range cell.consumer.members {
			return occupant{member.meta.clientID, member.meta.clientHost, cell.heard, s.session(cell.id)}, true
		}
	}
	return occupant{}, false
}

// disbandConsumers takes everybody out of a consumer group. It stays one, whoever
// goes first.
func (m *machine) disbandConsumers(s *step, g *group, reason string) {
	for _, id := range slices.Sorted(maps.Keys(g.consumer.members)) {
		m.expelConsumer(s, g, id)
		m.shrunk(s, g, id, reason)
	}
}
