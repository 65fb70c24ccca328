package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
	"github.com/mainstem-mq/mainstem/server/quota"
	"github.com/mainstem-mq/mainstem/telemetry"
)

// errHangUp is why the server itself ends a connection.
var errHangUp = errors.New("the server ends the connection")

// conn is one client connection. Its goroutine reads requests and starts
// them; see pipeline for who answers.
type conn struct {
	srv      *Server
	listener *listener
	nc       net.Conn
	address  string // of the peer, without port
	frames   *frameReader
	pipe     *pipeline
	// clientID is that of the last request, so that equal ones are kept once.
	clientID atomic.Pointer[string]
	// software is the client's name and version, from ApiVersions (KIP-511).
	software atomic.Pointer[software]
	// session is what groups know the connection by; the reading goroutine's, nil
	// until it is asked for.
	session *coordinator.Session
	// instance is the client that the connection asked or pushed for; the reading
	// goroutine's, zero for none.
	instance telemetry.ID
	// produced and committed keep the order of what it sends of transactions: batches,
	// and offsets.
	produced, committed turnQueue
	// oldFetches counts those without an order of partitions; the reading goroutine's.
	oldFetches int
	life
	visit visit
	watch watch
	pause atomic.Pointer[pause] // nil: none; see throttle.go

	// The writing goroutine's: what one Fetch answer leaves for the next.
	fetchEncoder protocol.FetchEncoder
	fetchArena   []byte
	reads        reads
}

// reads is what the log and backfills know a connection by. It belongs to the
// goroutine that writes.
type reads struct {
	who   replication.Reader
	of    *string   // the client's id that the key was made of
	noted time.Time // when some of what it read was last part of a backfill
}

// life is how a connection ends.
type life struct {
	goroutines sync.WaitGroup
	// alive ends with the connection, reading when no more requests are wanted.
	alive, reading context.Context
	stop, stopRead context.CancelFunc
	ended          sync.Once
	draining       atomic.Bool
}

// software is what a client says of itself.
type software struct{ name, version string }

// watch is what the janitor remembers of a connection between its rounds.
type watch struct {
	total int64     // bytes read when it last looked
	since time.Time // when they last changed
}

func newConn(l *listener, nc net.Conn) *conn {
	s := l.srv
	c := &conn{srv: s, listener: l, nc: nc, address: addressOf(nc)}
	c.alive, c.stop = context.WithCancel(context.Background())
	c.reading, c.stopRead = context.WithCancel(c.alive)
	c.frames = newFrameReader(nc, frameMemory{
		produce: s.memory.requests, others: s.memory.others, room: c.room, patience: c.patience, now: s.clock.Now,
	}, s.cfg.RequestBytesMax)
	c.pipe = newPipeline(c, span.NewWriter(nc, s.clock.Now, s.cfg.StallMax), s.cfg.PipelineMax)
	c.clientID.Store(new(string))
	c.software.Store(&software{})
	c.watch.since = s.clock.Now()
	return c
}

// run serves the connection until it ends.
func (c *conn) run() {
	for {
		c.rest(c.reading, false)
		f, err := c.frames.next(c.reading)
		if err != nil {
			c.last(err)
			break
		}
		if f.owner == nil {
			// It may have to pause since: an earlier answer was only made while this
			// was awaited. A request that holds memory of others has to go on.
			c.rest(c.reading, true)
		}
		c.srv.metrics.bytesIn.Add(uint64(len(f.data)) + 4)
		err = c.start(&f)
		f.release()
		if err != nil {
			c.last(err)
			break
		}
	}
	c.session.Close()
	c.forgetInstance()
	c.goroutines.Wait()
	c.leave()
}

// last ends the connection after what was asked before Close was answered.
func (c *conn) last(err error) {
	if c.draining.Load() {
		c.pipe.settle()
	}
	c.end(err)
}

// room waits until the connection may hold memory for a large request.
func (c *conn) room(produce bool) error {
	if !c.pipe.await(produce) {
		return errGone
	}
	return nil
}

// start runs the first phase of one request.
func (c *conn) start(f *frame) error {
	header, body, err := protocol.ParseHeader(f.data)
	if last := *c.clientID.Load(); header.ClientID == last {
		header.ClientID = last
	} else {
		now := header.ClientID
		c.clientID.Store(&now)
	}
	// A client that asks for an ApiVersions of the future may use a header of
	// the future: it needs an answer all the same.
	if err != nil && (header.Key != protocol.KeyApiVersions || header.Version <= protocol.ApiVersionsVersionMax) {
		c.srv.metrics.unsupported(header, c.software.Load())
		return fmt.Errorf("%s v%d: %w", header.Key, header.Version, err)
	}
	k := &call{conn: c, header: header, frame: f, start: c.srv.clock.Now()}
	k.api = c.srv.table.find(header.Key)
	if k.api == nil || !k.api.serves(header.Version) {
		return c.unsupported(k)
	}
	req, err := c.admit(k, body)
	if err != nil {
		return err
	}
	c.frames.admitted()
	if !c.visit.worked.Load() && errand(header.Key, req) {
		c.works()
	}
	k.api.handle(c.srv, k, req)
	if c.srv.quotas.Limits(quota.Request) {
		k.busy.Store(max(int64(c.srv.clock.Now().Sub(k.start)), 1))
	}
	k.started()
	// Before the answer is written: its client may take its time to read it.
	f.release()
	k.frame = nil
	c.pipe.handled(k)
	return nil
}

// unsupported answers a request in a version that is not served, if it is the one by
// which clients find out, and else ends the connection; it is logged and counted, so
// that an operator sees who needs what.
func (c *conn) unsupported(k *call) error {
	c.srv.metrics.unsupported(k.header, c.software.Load())
	const text = "a client asked for a version that is not served"
	fields := append([]zap.Field{
		zap.Stringer("api", k.header.Key), zap.Int16("version", k.header.Version), zap.String("served", k.api.rangeText()),
	}, c.who()...)
	if k.header.Key != protocol.KeyApiVersions {
		if c.srv.strangers.first(&k.header) {
			c.srv.log.Warn(text, fields...)
		} else {
			c.srv.limitedWarn(text, fields...)
		}
		return fmt.Errorf("%w: %s v%d is not served", errHangUp, k.header.Key, k.header.Version)
	}
	// A newer client asks in its newest version first, and goes on with what the
	// answer says.
	c.srv.log.Debug(text, fields...)
	k.api, k.code = c.srv.table.strangers, protocol.UnsupportedVersion
	k.encodeAsIs(protocol.ApiVersionsResponse(k.header.Version, nil, nil)) // of version 0
	k.frame.release()
	c.frames.admitted()
	k.mem.cost = callCost + k.out.Len()
	if !c.pipe.push(k) {
		return errGone
	}
	c.pipe.complete(k)
	c.pipe.handled(k)
	return nil
}

// end closes the connection; the first reason given is the one that counts.
func (c *conn) end(err error) {
	c.ended.Do(func() {
		c.report(err)
		c.stop()
		c.pipe.kill()
		closeQuietly(c.nc)
	})
}

// hangUp ends the connection from a goroutine that must not block.
func (c *conn) hangUp(why string) {
	// Closing a socket does not block; the log line may, for a moment.
	c.end(fmt.Errorf("%w: %s", errHangUp, why))
}

// drain stops reading, lets what was asked be answered, and ends.
func (c *conn) drain() {
	c.draining.Store(true)
	c.stopRead()
	c.pipe.drain()
	// The past: the reader returns at once, answers still go out.
	if err := c.nc.SetReadDeadline(time.Unix(1, 0)); err != nil {
		c.end(err)
	}
}

// report logs why a connection ended, if that is of interest.
func (c *conn) report(err error) {
	switch {
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), c.draining.Load():
		return
	case errors.Is(err, errIdle):
		c.srv.metrics.closed("idle")
		return
	case errors.Is(err, protocol.ErrTLS):
		c.srv.metrics.closed("tls")
	case errors.Is(err, protocol.ErrHTTP):
		c.srv.metrics.closed("http")
	case errors.Is(err, protocol.ErrFrameSize):
		c.srv.metrics.closed("frame")
	case errors.Is(err, errHangUp):
		c.srv.metrics.closed("refused")
	case errors.Is(err, errStalled), errors.Is(err, errSlow), errors.Is(err, os.ErrDeadlineExceeded):
		c.srv.metrics.closed("stalled")
	case isNetwork(err):
		c.srv.metrics.closed("network")
		c.srv.log.Debug("connection lost", zap.String("address", c.address), zap.Error(err))
		return
	default:
		c.srv.metrics.closed("request")
	}
	c.srv.limitedWarn("connection closed", append([]zap.Field{zap.Error(err)}, c.who()...)...)
}

// who is what the log says of the client: where it comes from, and what it has
// told of itself.
func (c *conn) who() []zap.Field {
	fields := []zap.Field{zap.String("address", c.address), zap.String("listener", c.listener.name)}
	sw := c.software.Load()
	for _, told := range []struct{ key, value string }{
		{"client_id", *c.clientID.Load()}, {"software", sw.name}, {"software_version", sw.version},
	} {
		if told.value != "" {
			fields = append(fields, zap.String(told.key, told.value))
		}
	}
	return fields
}

// isNetwork knows the errors of the network itself.
func isNetwork(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, io.ErrUnexpectedEOF)
}
