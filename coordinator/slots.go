package coordinator

import (
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Each member of a broadcast group is alone in a group of its own, the cell:
//
//	BASE::member::i:INSTANCE         a static member's
//	BASE::member::c:CLIENT@HOST#SLOT any other's: the lowest slot that is free
//
// so a process that is started again finds the offsets of the one before it.

// cellInfix stands between the name of a group and that of a member's cell.
const cellInfix = "::member::"

// reattach is how long after a load members have time to be heard of, before
// another process may take the place of one that is silent.
const reattach = 10 * time.Second

// baseOf is the group that a cell belongs to; a group that is no cell is its own.
func baseOf(id string) (base string, cell bool) {
	base, _, cell = strings.Cut(id, cellInfix)
	return base, cell
}

// cellBelongs reports whether the id is that of a cell of the base.
func cellBelongs(id, base string) bool {
	rest, ok := strings.CutPrefix(id, base)
	return ok && strings.HasPrefix(rest, cellInfix)
}

func staticCell(base, instance string) string { return base + cellInfix + "i:" + instance }

// slotPrefix is the name of the cells of all processes that look alike.
func slotPrefix(base, clientID, clientHost string) string {
	return base + cellInfix + "c:" + clientID + "@" + strings.TrimPrefix(clientHost, "/") + "#"
}

// seat finds the group that a JoinGroup is for: the one it names or, if that is
// a broadcast group, the cell of the member. Whoever had it before is out of it.
func (m *machine) seat(s *step, req *kmsg.JoinGroupRequest, c Caller) (string, protocol.ErrorCode) {
	if !m.follow(s, req.Group) {
		return req.Group, protocol.NoError
	}
	switch {
	case req.InstanceID != nil:
		return m.seatStatic(s, req)
	case req.MemberID != "":
		if cell := m.cellOf(req.Group, req.MemberID, nil, c.Session); cell != nil {
			return cell.id, protocol.NoError
		}
		return "", protocol.UnknownMemberID
	}
	return m.takeSlot(s, req.Group, c, s.config.MembersMax)
}

// seatStatic lets the classic protocol's rule decide who has the place: the later
// one. A member of the consumer protocol is out then, too.
func (m *machine) seatStatic(s *step, req *kmsg.JoinGroupRequest) (string, protocol.ErrorCode) {
	id := staticCell(req.Group, *req.InstanceID)
	if cell := m.groups[id]; cell != nil && cell.consumed() {
		if req.MemberID != "" {
			return "", protocol.FencedInstanceID
		}
		m.disband(s, cell, "a process of its name uses the classic protocol now")
	}
	return m.takePlace(req.Group, id, s.config.MembersMax)
}

// takeSlot gives a new member the lowest place that no living process has. Several
// members may share a connection, so one that joins over it has a place of its own;
// but where a member that uses it is silent, its client has forgotten it and joins
// anew.
func (m *machine) takeSlot(s *step, base string, c Caller, most int) (string, protocol.ErrorCode) {
	prefix := slotPrefix(base, c.ClientID, c.ClientHost)
	for _, cell := range m.own(c.Session, base) {
		if strings.HasPrefix(cell.id, prefix) && m.silent(s, cell) {
			m.disband(s, cell, "its client joins anew")
			return cell.id, protocol.NoError
		}
	}
	for slot := 0; ; slot++ {
		id := prefix + strconv.Itoa(slot)
		cell := m.groups[id]
		switch {
		case cell == nil || cell.idle():
			return m.takePlace(base, id, most)
		case len(cell.sessions) > 0: // its process is there
		case m.unheard(s, cell):
			return "", protocol.CoordinatorLoadInProgress
		default:
			m.disband(s, cell, "its connection closed and another process took its place")
			return id, protocol.NoError
		}
	}
}

// silent reports whether a cell's member should have been heard of by now: clients
// send several heartbeats in the time of a session.
func (m *machine) silent(s *step, cell *group) bool {
	who, ok := m.occupant(s, cell)
	if who.heard.Before(m.loadedAt) {
		who.heard = m.loadedAt // before that nobody knows
	}
	return ok && s.Now.Sub(who.heard) > who.session/2
}

// unheard reports whether nobody knows whose connection a cell's member has until
// its next heartbeat, as the shard was loaded a moment ago.
func (m *machine) unheard(s *step, cell *group) bool {
	patience := reattach
	if cell.consumed() {
		patience = max(patience, 2*s.heartbeat(cell.id))
	}
	return !cell.heardOf() && s.Now.Before(m.loadedAt.Add(patience))
}

// takePlace applies the bound of members to one who wants a cell that may be empty.
func (m *machine) takePlace(base, id string, most int) (string, protocol.ErrorCode) {
	if len(id) > stringMax {
		return "", protocol.InvalidGroupID
	}
	if cell := m.groups[id]; cell != nil && !cell.idle() {
		return id, protocol.NoError
	}
	if f := m.facades[base]; f != nil && f.taken() >= most {
		return "", protocol.GroupMaxSizeReached
	}
	return id, protocol.NoError
}

// heardOf reports whether whoever is in the group was heard of since the load:
// a member id that was only given out is not older than that.
func (g *group) heardOf() bool {
	if g.consumed() {
		return !g.heard.IsZero()
	}
	for _, member := range g.order {
		if member.heard.IsZero() {
			return false
		}
	}
	return true
}

// cellOf finds the cell that a member is in, or may say it is in; nil: none.
func (m *machine) cellOf(base, memberID string, instance *string, session *Session) *group {
	if instance != nil {
		return m.groups[staticCell(base, *instance)]
	}
	for cell := range m.sessions[session] {
		if cellBelongs(cell.id, base) && cell.knows(memberID) {
			return cell
		}
	}
	if f := m.facades[base]; f != nil {
		return f.members.find(memberID)
	}
	return nil
}

// knows reports whether the id is a member's, or was given to one who is to join.
func (g *group) knows(memberID string) bool {
	_, pending := g.pendingJoin[memberID]
	return pending || g.byID[memberID] != nil || g.consumer != nil && g.consumer.members[memberID] != nil
}
