package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Clients that come, ask where topics are, and never come to where they are told: they
// cannot reach the advertised address, and say nothing of it to anybody but their own log.
//
// The rule: a client, by its address and client id, is stranded if it has asked for a
// topic that there is (Metadata, by name), waits since strandedWait on that connection or
// has asked so strandedLookups times within strandedWindow, and none of its connections
// did anything else, as far as is remembered. To look once and go within a second, as
// `kcat -L -t` does, is not counted. What clients also send before they go to the
// advertised address is nothing else; see errand.
const (
	strandedWait    = 30 * time.Second
	strandedLookups = 3
	strandedSpread  = 10 * time.Second // from the first of them to the last, at least
	strandedWindow  = 5 * time.Minute
	lookupGlance    = time.Second // who goes so soon after one question only looked

	visitorMemory = 10 * time.Minute // after its last connection
	visitorsMax   = 4096             // that are remembered, beside those that work now
	strandedEvery = 10 * time.Minute // is one address told
)

// errand reports whether a request is what a client connects for, and not what it asks
// of the first broker that it finds, to learn where to go.
func errand(key protocol.Key, req kmsg.Request) bool {
	switch key {
	case protocol.KeyApiVersions, protocol.KeyMetadata, protocol.KeyFindCoordinator, protocol.KeyDescribeCluster,
		protocol.KeySaslHandshake, protocol.KeySaslAuthenticate, protocol.KeyGetTelemetrySubscriptions, protocol.KeyPushTelemetry:
		return false
	case protocol.KeyInitProducerID:
		init, ok := req.(*kmsg.InitProducerIDRequest)
		return !ok || init.TransactionalID != nil // else any broker will do
	default:
		return true
	}
}

// visit is what one connection did so far.
type visit struct {
	worked  atomic.Bool
	lookups atomic.Int64
	first   atomic.Int64 // of them, in Unix ns; there before lookups says that there is one
	counted int64        // lookups that are added to the visitor's; guarded by visits.mu
	id      visitorID    // under which it works; the reading goroutine's
}

// visitorID is who connects.
type visitorID struct{ address, clientID string }

// visitor is what is remembered of a client.
type visitor struct {
	working int       // connections that do more than ask
	worked  bool      // one of them did
	seen    time.Time // last
	lookups int64
	first   time.Time // of these
}

// visits remembers clients.
type visits struct {
	mu       sync.Mutex
	visitors map[visitorID]*visitor
	told     map[strandedAt]time.Time
	swept    time.Time
}

// strandedAt is an address from which clients do not reach another.
type strandedAt struct {
	address string
	sent    endpoint
}

func (c *conn) visitor() visitorID {
	return visitorID{c.address, strangerName(*c.clientID.Load())}
}

// works takes down that the connection did what a client connects for.
func (c *conn) works() {
	c.visit.id = c.visitor()
	c.visit.worked.Store(true)
	c.srv.visits.works(c.visit.id, c.srv.clock.Now())
}

// lookedUp takes down that the connection asked for topics that there are.
func (c *conn) lookedUp() {
	if !c.visit.worked.Load() {
		c.visit.lookedUp(c.srv.clock.Now())
	}
}

// lookedUp counts a question. Its time comes first: the janitor may look in between.
func (v *visit) lookedUp(now time.Time) {
	if v.lookups.Load() == 0 {
		v.first.Store(now.UnixNano())
	}
	v.lookups.Add(1)
}

// leave takes down that the connection ended.
func (c *conn) leave() {
	if c.visit.worked.Load() {
		c.srv.visits.leaves(c.visit.id, c.srv.clock.Now())
		return
	}
	if !c.draining.Load() {
		c.checkStranded(c.srv.clock.Now())
	}
}

// checkStranded tells of a client that is stranded.
func (c *conn) checkStranded(now time.Time) {
	if c.visit.lookups.Load() == 0 || c.visit.worked.Load() || !c.srv.visits.stranded(c.visitor(), &c.visit, now) {
		return
	}
	sent := c.listener.advertised
	if !c.srv.visits.tell(strandedAt{c.address, sent}, now) {
		return
	}
	c.srv.metrics.stranded(sent.String())
	c.srv.limitedWarn("a client asks where topics are and does not come there: most likely it cannot reach the advertised address "+
		"(advertised.listeners); mainstem doctor, run where the client is, tells why", append([]zap.Field{zap.Stringer("advertised", sent)}, c.who()...)...)
}

// works takes down that a connection of a client does more than ask.
func (vs *visits) works(id visitorID, now time.Time) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.visitors[id]
	if v == nil {
		v = vs.add(id)
	}
	v.working, v.worked, v.seen, v.lookups = v.working+1, true, now, 0
}

func (vs *visits) add(id visitorID) *visitor {
	if vs.visitors == nil {
		vs.visitors = map[visitorID]*visitor{}
	}
	v := &visitor{}
	vs.visitors[id] = v
	return v
}

// leaves takes down the end of a connection that did more than ask.
func (vs *visits) leaves(id visitorID, now time.Time) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.visitors[id]
	v.working, v.seen = v.working-1, now
	if v.working == 0 && len(vs.visitors) > visitorsMax {
		delete(vs.visitors, id)
	}
}

// stranded adds what a connection has asked since it was last looked at, and says
// whether its client is stranded.
func (vs *visits) stranded(id visitorID, c *visit, now time.Time) bool {
	n, since := c.lookups.Load(), now.Sub(time.Unix(0, c.first.Load()))
	if n == 1 && since < lookupGlance {
		return false
	}
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.visitors[id]
	switch {
	case v == nil && len(vs.visitors) >= visitorsMax:
		return false
	case v == nil:
		v = vs.add(id)
	case v.worked:
		return false
	}
	if more := n - c.counted; more > 0 {
		if v.lookups == 0 || now.Sub(v.first) > strandedWindow {
			v.lookups, v.first = 0, now.Add(-since)
		}
		v.lookups, c.counted, v.seen = v.lookups+more, n, now
	}
	return since >= strandedWait || v.lookups >= strandedLookups && v.seen.Sub(v.first) >= strandedSpread
}

// tell reports whether it is time to tell of an address.
func (vs *visits) tell(at strandedAt, now time.Time) bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	last, known := vs.told[at]
	if known && now.Sub(last) < strandedEvery || !known && len(vs.told) >= visitorsMax {
		return false
	}
	if vs.told == nil {
		vs.told = map[strandedAt]time.Time{}
	}
	vs.told[at] = now
	return true
}

// sweep forgets those who have gone long ago.
func (vs *visits) sweep(now time.Time) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if now.Sub(vs.swept) < time.Minute {
		return
	}
	vs.swept = now
	for id, v := range vs.visitors {
		if v.working == 0 && now.Sub(v.seen) >= visitorMemory {
			delete(vs.visitors, id)
		}
	}
	for at, last := range vs.told {
		if now.Sub(last) >= strandedEvery {
			delete(vs.told, at)
		}
	}
}
