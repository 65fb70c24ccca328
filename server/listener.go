package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
)

// acceptPause is the rest after a failed accept (usually: no descriptors left).
const acceptPause = 50 * time.Millisecond

// acceptToldEvery is how often a lasting failure is told.
const acceptToldEvery = time.Minute

// endpoint is an address that clients are told.
type endpoint struct {
	host string
	port int32
}

func (e endpoint) String() string { return net.JoinHostPort(e.host, strconv.Itoa(int(e.port))) }

// listener accepts the connections of one address.
type listener struct {
	srv        *Server
	name       string
	nl         net.Listener
	advertised endpoint
	conns      sync.WaitGroup
	failed     acceptFailures
}

// acceptFailures are those since the last line in the log; of the accept loop.
type acceptFailures struct {
	told  time.Time
	since int
}

// bind opens a listener's socket; nothing is accepted before run.
func bind(ctx context.Context, s *Server, l Listener) (*listener, error) {
	var lc net.ListenConfig
	nl, err := lc.Listen(ctx, "tcp", l.Bind)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w (choose another address with --listen, or the setting listeners)", l.Name, err)
	}
	host, portText, err := net.SplitHostPort(nl.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listener %s: %w", l.Name, err), nl.Close())
	}
	if bindHost, _, splitErr := net.SplitHostPort(l.Bind); splitErr == nil && bindHost != "" {
		host = bindHost // a name stays a name
	}
	port, err := strconv.ParseInt(portText, 10, 32)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listener %s: %w", l.Name, err), nl.Close())
	}
	at := endpoint{host: host, port: int32(port)}
	if l.AdvertisedHost != "" {
		at.host = l.AdvertisedHost
	}
	if l.AdvertisedPort != 0 {
		at.port = l.AdvertisedPort
	}
	turned := func(nc net.Conn) {
		s.metrics.refused("descriptors")
		s.limitedWarn("connection refused: the process has hardly any descriptors left (ulimit -n)", zap.String("address", addressOf(nc)))
	}
	return &listener{srv: s, name: l.Name, nl: sparing(nl, turned), advertised: at}, nil
}

// run accepts until the listener is closed, and returns only when the
// goroutines of all its connections have ended.
func (l *listener) run() {
	defer l.conns.Wait()
	for {
		nc, err := l.nl.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l.acceptFailed(err)
			if !l.srv.rest(acceptPause) {
				return
			}
			continue
		}
		if !l.srv.conns.admit(l.srv, nc) {
			continue
		}
		if err := boundUnsent(nc); err != nil {
			l.srv.limitedWarn("a connection may take more of the kernel's memory than it should", zap.Error(err))
		}
		c := newConn(l, nc)
		l.srv.conns.add(c)
		l.conns.Add(1)
		go func() {
			defer l.conns.Done()
			c.run()
			l.srv.conns.remove(c)
		}()
	}
}

// acceptFailed tells of a failure that may come again twenty times a second for
// as long as it lasts.
func (l *listener) acceptFailed(err error) {
	f := &l.failed
	f.since++
	now := l.srv.clock.Now()
	if !f.told.IsZero() && now.Sub(f.told) < acceptToldEvery {
		return
	}
	l.srv.log.Warn("accept failed: nobody can connect while this lasts; if descriptors are short, raise ulimit -n",
		zap.String("listener", l.name), zap.Int("times", f.since), zap.Error(err))
	f.told, f.since = now, 0
}
