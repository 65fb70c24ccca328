package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// facade is a broadcast group as its clients and tools see it: the cells of one
// base (see slots.go). It is soft: obtain and forget keep it, in any mode.
type facade struct {
	cells   map[string]*group // by id
	members cellMembers
	mode    mode // in force when the group was last looked at
}

// sorted lists the cells by their ids, so that the same requests always get the
// same answers.
func (f *facade) sorted() []*group {
	if f == nil {
		return nil
	}
	cells := make([]*group, 0, len(f.cells))
	for _, id := range slices.Sorted(maps.Keys(f.cells)) {
		cells = append(cells, f.cells[id])
	}
	return cells
}

// taken counts the cells that somebody is in or about to join.
func (f *facade) taken() int {
	n := 0
	for _, cell := range f.cells {
		if !cell.idle() {
			n++
		}
	}
	return n
}

// working lists the cells with members, in order.
func working(cells []*group) []*group {
	return slices.DeleteFunc(slices.Clone(cells), func(cell *group) bool { return len(cell.order) == 0 && !cell.consumed() })
}

// enlist makes a new group known to its base, if it is a cell.
func (m *machine) enlist(g *group) {
	base, cell := baseOf(g.id)
	if !cell {
		return
	}
	g.cell = true
	m.cells++
	f := m.facades[base]
	if f == nil {
		if m.facades == nil {
			m.facades = map[string]*facade{}
		}
		f = &facade{cells: map[string]*group{}}
		m.facades[base] = f
	}
	f.cells[g.id] = g
	g.facade = f
}

// strike is the opposite of enlist.
func (m *machine) strike(g *group) {
	base, cell := baseOf(g.id)
	if !cell {
		return
	}
	m.cells--
	m.unbind(g)
	f := m.facades[base]
	delete(f.cells, g.id)
	if len(f.cells) == 0 {
		delete(m.facades, base)
	}
}

// routed finds the group that a member's request is about: the one it names or,
// if that is a broadcast group, the member's cell. Of a cell that does not exist
// nobody is a member, nor of a broadcast group itself.
func (m *machine) routed(s *step, id, memberID string, instance *string, c Caller) *group {
	if !m.follow(s, id) {
		return m.groups[id]
	}
	return m.memberGroup(s, id, memberID, instance, c)
}

// memberGroup is the same of a group that is known to be a broadcast group.
func (m *machine) memberGroup(s *step, id, memberID string, instance *string, c Caller) *group {
	cell := m.cellOf(id, memberID, instance, c.Session)
	if cell == nil {
		return m.groups[id]
	}
	if cell.recognizes(memberID, instance) {
		m.meet(s, c.Session, cell)
	}
	return cell
}

// meet notes that a cell's member was heard of, on that connection.
func (m *machine) meet(s *step, session *Session, cell *group) {
	m.bind(s, session, cell)
	if cell.consumer != nil {
		cell.heard = s.Now
	}
}

// recognizes reports whether the caller is the member that it says it is.
func (g *group) recognizes(memberID string, instance *string) bool {
	if g.consumer != nil {
		return g.consumer.identify(g.id, memberID, instance) == nil
	}
	return g.checkMember(memberID, instance) == protocol.NoError
}

// offsetsFor finds whose offsets an OffsetFetch is about. Only the newest clients
// say who they are; others are known by their connection, or by what they look
// like. A tool is shown how far the whole group has come.
func (m *machine) offsetsFor(s *step, req *kmsg.OffsetFetchRequestGroup, c Caller) (*group, protocol.ErrorCode) {
	base := req.Group
	if !m.follow(s, base) {
		return m.groups[base], protocol.NoError
	}
	if id := deref(req.MemberID); id != "" {
		cell := m.cellOf(base, id, nil, c.Session)
		switch {
		case cell == nil || !cell.recognizes(id, nil):
			return nil, protocol.UnknownMemberID
		case cell.consumer != nil: // its epoch is looked at like that of any group's member
		case req.MemberEpoch >= 0 && req.MemberEpoch != cell.generation:
			return nil, protocol.IllegalGeneration
		}
		m.meet(s, c.Session, cell)
		return cell.fetching(), protocol.NoError
	}
	own := m.own(c.Session, base)
	if len(own) == 1 {
		return own[0].fetching(), protocol.NoError
	}
	cells := m.facades[base].sorted()
	if alike, code := m.guess(s, c, either(own, cells)); alike != nil || code != protocol.NoError {
		return alike, code
	}
	return m.overview(s, base, cells, wishesOf(req.Topics)), protocol.NoError
}

// guess takes a caller whose connection no member has used yet, or several have,
// for the member that looks like it and has to fetch next. If that may be several,
// it has to ask again: members that use another connection for this send a
// heartbeat on it soon. Nil: it looks like none of them.
func (m *machine) guess(s *step, c Caller, cells []*group) (*group, protocol.ErrorCode) {
	var alike, due []*group
	waits := false
	for _, cell := range cells {
		who, ok := m.occupant(s, cell)
		if !ok || who.clientID != c.ClientID || who.clientHost != c.ClientHost {
			continue
		}
		alike = append(alike, cell)
		if !cell.fetchDue.IsZero() {
			due = append(due, cell)
			waits = waits || s.Now.Before(cell.fetchDue.Add(reattach))
		}
	}
	switch {
	case len(alike) == 1:
		return alike[0].fetching(), protocol.NoError
	case len(due) == 1:
		return due[0].fetching(), protocol.NoError
	case len(due) > 1 && waits:
		return nil, protocol.CoordinatorLoadInProgress
	}
	return nil, protocol.NoError
}

// fetching notes that the cell's member has asked for its offsets.
func (g *group) fetching() *group {
	g.fetchDue = time.Time{}
	return g
}

// overview is the broadcast group as if it were one: for each partition that is
// wanted the lowest offset of the members at work, or of those that were.
func (m *machine) overview(s *step, base string, cells []*group, wanted wishes) *group {
	if len(cells) == 0 {
		return m.groups[base]
	}
	if at := working(cells); len(at) > 0 {
		cells = at
	}
	return &group{id: base, offsets: lowest(s, cells, wanted).out, pending: pendingOf(cells)}
}

// commitAll takes an offset for all members of a broadcast group, from a tool or
// a client that assigns itself: allowed while there are none, as in any group. As
// the copies of a switch it is bounded: above that it has to be some partitions at
// a time, or some members by the names of their cells.
func (m *machine) commitAll(s *step, req *kmsg.OffsetCommitRequest, txn *shard.Txn) *kmsg.OffsetCommitResponse {
	cells := m.facades[req.Group].sorted()
	if slices.ContainsFunc(cells, func(cell *group) bool { return checkCommit(cell, req) != protocol.NoError }) {
		return commitResponse(req, protocol.UnknownMemberID)
	}
	partitions, metadata := resetSize(req)
	if len(cells)*partitions > ResetMax || len(cells)*metadata > resetMetadataMax {
		return commitResponse(req, protocol.InvalidCommitOffsetSize)
	}
	first := len(s.Records())
	resp := m.commitTo(s, m.groups[req.Group], req, txn)
	m.commitAlike(s, s.Records()[first:], len(req.Group), cells)
	return resp
}

// commitAlike commits for cells what was just committed for a group, whose name has
// so many bytes. All groups of the shard wait for this, so it shares what it can.
func (m *machine) commitAlike(s *step, own []Record, group int, cells []*group) {
	s.Grow(len(cells) * len(own))
	var room arena
	for _, cell := range cells {
		for i := range own {
			r := own[i]
			r.Key = room.rekeyed(r.Key, group, cell.id)
			s.record(r)
			s.cut()
		}
		s.commits += len(own)
	}
}

// resetSize counts the partitions of a request, and the bytes of their metadata.
func resetSize(req *kmsg.OffsetCommitRequest) (partitions, metadata int) {
	for i := range req.Topics {
		partitions += len(req.Topics[i].Partitions)
		for j := range req.Topics[i].Partitions {
			metadata += len(deref(req.Topics[i].Partitions[j].Metadata))
		}
	}
	return partitions, metadata
}
