package coordinator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Session is one connection of a client. In a broadcast group it tells which
// member a request is from that does not say so, and whether the process behind
// a member is still there. All methods may be called from any goroutine, and on
// nil: that is a caller who is not known by a connection.
type Session struct {
	groups *Groups
	mu     struct {
		sync.Mutex
		closed bool
		shards map[int32]struct{} // which may know the session
	}
}

// NewSession is made for a connection and closed with it.
func (g *Groups) NewSession() *Session { return &Session{groups: g} }

// Close tells the shards that the connection has ended: its member's place is
// free for another process. It never waits for a shard, and may come twice.
func (s *Session) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.mu.closed = true
	shards := s.mu.shards
	s.mu.shards = nil
	s.mu.Unlock()
	for shard := range shards {
		// What a shard knew that has no machine now went with that.
		s.groups.shards.PostAside(shard, func(m *machine, _ *step) { m.sessionClosed(s) }, nil)
	}
}

// enter notes that a shard knows the session from now on, and reports whether
// it is still open: a request may come to its turn after its connection's end.
func (s *Session) enter(shard int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	if s.mu.shards == nil {
		s.mu.shards = map[int32]struct{}{}
	}
	s.mu.shards[shard] = struct{}{}
	return true
}

// sessions are the open connections of the members of cells, found from either
// side. A cell has one member at most, so they are bound to the cell, and for as
// long as that member is in it. A member may have several connections.
type sessions map[*Session]map[*group]struct{}

func (m *machine) bind(s *step, session *Session, cell *group) {
	if session == nil {
		return
	}
	if _, known := cell.sessions[session]; known || !session.enter(s.index) {
		return
	}
	if cell.sessions == nil {
		cell.sessions = map[*Session]struct{}{}
	}
	if m.sessions[session] == nil {
		if m.sessions == nil {
			m.sessions = sessions{}
		}
		m.sessions[session] = map[*group]struct{}{}
	}
	cell.sessions[session] = struct{}{}
	m.sessions[session][cell] = struct{}{}
}

// unbind forgets the connections of a cell's member, who is no longer in it. Of
// other groups there are none.
func (m *machine) unbind(cell *group) {
	for session := range cell.sessions {
		delete(m.sessions[session], cell)
		if len(m.sessions[session]) == 0 {
			delete(m.sessions, session)
		}
	}
	cell.sessions, cell.heard = nil, time.Time{}
}

// own lists the cells of the base that have members which use the session, by name.
func (m *machine) own(session *Session, base string) []*group {
	var cells []*group
	for cell := range m.sessions[session] {
		if cellBelongs(cell.id, base) {
			cells = append(cells, cell)
		}
	}
	slices.SortFunc(cells, func(a, b *group) int { return cmp.Compare(a.id, b.id) })
	return cells
}

func (m *machine) sessionClosed(session *Session) {
	for cell := range m.sessions[session] {
		delete(cell.sessions, session)
	}
	delete(m.sessions, session)
}
