package server

import (
	"net"
	"sync"

	"go.uber.org/zap"
)

// connSet is all open connections, and the limits on their number.
type connSet struct {
	mu     sync.Mutex
	room   sync.Cond // a connection ended, or the server closes
	open   map[*conn]struct{}
	perIP  map[string]int
	count  int // admitted, perhaps not in open yet
	closed bool
}

func (cs *connSet) init() {
	cs.room.L = &cs.mu
	cs.open = map[*conn]struct{}{}
	cs.perIP = map[string]int{}
}

// admit decides whether a new connection may stay. One address over its limit
// is turned away at once; over the broker's limit the accept loop waits for a
// connection to end, and the kernel's backlog holds the others (as in Kafka).
func (cs *connSet) admit(s *Server, nc net.Conn) bool {
	ip := addressOf(nc)
	maxIP := s.settings.connectionsPerIPMax(ip)
	cs.mu.Lock()
	for told := false; !cs.closed && cs.count >= s.settings.connectionsMax(); told = true {
		if !told {
			s.metrics.refused("max.connections")
		}
		cs.room.Wait()
	}
	over := cs.perIP[ip] >= maxIP
	if cs.closed || over {
		cs.mu.Unlock()
		if over {
			s.metrics.refused("max.connections.per.ip")
			s.limitedWarn("connection refused: max.connections.per.ip is reached",
				zap.String("address", ip), zap.Int("limit", maxIP))
		}
		closeQuietly(nc)
		return false
	}
	cs.count++
	cs.perIP[ip]++
	cs.mu.Unlock()
	return true
}

// add makes an admitted connection known to the janitor and to Close.
func (cs *connSet) add(c *conn) {
	cs.mu.Lock()
	cs.open[c] = struct{}{}
	closed := cs.closed
	cs.mu.Unlock()
	if closed {
		c.drain()
	}
}

func (cs *connSet) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
	cs.count--
	if cs.perIP[c.address]--; cs.perIP[c.address] == 0 {
		delete(cs.perIP, c.address)
	}
	cs.room.Broadcast()
}

// recheck lets those who wait see a limit that was raised.
func (cs *connSet) recheck() { cs.room.Broadcast() }

// snapshot copies the set, so that callers can act without the lock.
func (cs *connSet) snapshot() []*conn {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	all := make([]*conn, 0, len(cs.open))
	for c := range cs.open {
		all = append(all, c)
	}
	return all
}

// close lets nobody in any more.
func (cs *connSet) close() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.closed = true
	cs.room.Broadcast()
}

// len is the number of open connections.
func (cs *connSet) len() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.count
}

// addressOf is the peer's address without its port.
func addressOf(nc net.Conn) string {
	at := nc.RemoteAddr().String()
	host, _, err := net.SplitHostPort(at)
	if err != nil {
		return at
	}
	return host
}

// closeQuietly closes a connection whose end is decided; that it may be broken
// already is no news.
func closeQuietly(nc net.Conn) { _ = nc.Close() }
