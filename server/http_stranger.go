package server

import (
	"net"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// httpListener bounds the connections, and notices Kafka clients that come to
// the port of metrics and health: they get an answer in HTTP, and tell their
// users nothing useful.
type httpListener struct {
	net.Listener
	log        *zap.Logger
	dropped    *prometheus.CounterVec // by why: droppedIdle, droppedNew
	told, full sync.Once

	mu struct {
		sync.Mutex
		open    int
		turn    uint64
		resting map[*httpConn]uint64 // without a request, and which came to rest first
	}
}

// Why connections to the HTTP port are closed when there are too many.
const (
	droppedIdle = "idle"    // it had the longest no request; another one took its place
	droppedNew  = "refused" // all others have requests under way
)

func newHTTPListener(nl net.Listener, log *zap.Logger, dropped *prometheus.CounterVec) *httpListener {
	l := &httpListener{Listener: nl, log: log, dropped: dropped}
	l.mu.resting = map[*httpConn]uint64{}
	for _, why := range []string{droppedIdle, droppedNew} {
		dropped.WithLabelValues(why)
	}
	return l
}

// Accept implements net.Listener. Who keeps connections for nothing must not keep
// those out that ask whether the broker lives: the one that rests for the longest
// gives way.
func (l *httpListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // The http server compares it.
		}
		c := &httpConn{Conn: nc, listener: l}
		victim, ok := l.admit(c)
		if !ok {
			l.drop(nc, droppedNew)
			continue
		}
		if victim != nil {
			l.drop(victim, droppedIdle)
		}
		return c, nil
	}
}

// admit makes room for a connection, if need be in the place of another one.
func (l *httpListener) admit(c *httpConn) (victim *httpConn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.open >= httpConnsMax {
		for other, since := range l.mu.resting {
			if victim == nil || since < l.mu.resting[victim] {
				victim = other
			}
		}
		if victim == nil {
			return nil, false
		}
		l.forgetLocked(victim)
	}
	l.mu.open++
	l.restLocked(c)
	return victim, true
}

func (l *httpListener) drop(nc net.Conn, why string) {
	l.dropped.WithLabelValues(why).Inc()
	l.full.Do(func() {
		l.log.Warn("too many connections are open to the port of metrics and health: the one that rests for the longest is closed, "+
			"or a new one if none rests (said once; mainstem_http_connections_dropped_total counts them)",
			zap.String("address", addressOf(nc)), zap.Int("limit", httpConnsMax))
	})
	closeQuietly(nc)
}

func (l *httpListener) restLocked(c *httpConn) {
	l.mu.turn++
	l.mu.resting[c] = l.mu.turn
}

func (l *httpListener) forgetLocked(c *httpConn) {
	if c.gone {
		return
	}
	c.gone = true
	l.mu.open--
	delete(l.mu.resting, c)
}

// changed is told by the http server what a connection does.
func (l *httpListener) changed(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*httpConn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.resting, c)
	if !c.gone && (state == http.StateNew || state == http.StateIdle) {
		l.restLocked(c)
	}
}

// httpConn looks at the first byte that a client sends.
type httpConn struct {
	net.Conn
	listener *httpListener
	looked   bool // the http server reads a connection with one goroutine at a time
	gone     bool // it does not count any more; with the listener's lock
}

// Close implements net.Conn; the http server may call it again.
func (c *httpConn) Close() error {
	defer func() {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.listener.forgetLocked(c)
	}()
	return c.Conn.Close() //nolint:wrapcheck // The http server compares it.
}

// Read implements net.Conn. A request of Kafka's begins with its length, so with
// a zero; no text does.
func (c *httpConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.looked && n > 0 {
		c.looked = true
		if p[0] == 0 {
			c.listener.told.Do(func() {
				c.listener.log.Warn("a Kafka client came to the port of metrics and health, which speaks HTTP: give it the address of a listener "+
					"(said once)", zap.String("address", addressOf(c.Conn)), zap.String("port", c.LocalAddr().String()))
			})
		}
	}
	return n, err //nolint:wrapcheck // The http server compares it.
}
