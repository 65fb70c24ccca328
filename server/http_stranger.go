package server

import (
	"net"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// httpListener bounds the connections, and notices Kafka clients that come to
// the port of metrics and health: they get an answer in HTTP, and tell their
// users nothing useful.
type httpListener struct {
	net.Listener
	log        *zap.Logger
	open       atomic.Int64
	told, full sync.Once
}

// Accept implements net.Listener.
func (l *httpListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // The http server compares it.
		}
		if l.open.Add(1) <= httpConnsMax {
			return &httpConn{Conn: nc, listener: l}, nil
		}
		l.open.Add(-1)
		l.full.Do(func() {
			l.log.Warn("connection refused: too many are open to the port of metrics and health (said once)",
				zap.String("address", addressOf(nc)), zap.Int("limit", httpConnsMax))
		})
		closeQuietly(nc)
	}
}

// httpConn looks at the first byte that a client sends.
type httpConn struct {
	net.Conn
	listener *httpListener
	looked   bool // the http server reads a connection with one goroutine at a time
	closed   atomic.Bool
}

// Close implements net.Conn; the http server may call it again.
func (c *httpConn) Close() error {
	if !c.closed.Swap(true) {
		defer c.listener.open.Add(-1)
	}
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
