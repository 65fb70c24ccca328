package server_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/server"
)

// drainHangs is a DrainMax that ends no test: whatever needs it is seen to hang.
const drainHangs = time.Hour

// TestCloseIdle: a stop waits for answers that are on their way. Connections that ask
// for nothing, or have sent a part of a request, do not hold it up, nor do requests
// that wait for something to happen.
func TestCloseIdle(t *testing.T) {
	const each = 20
	b := startBroker(t, options{pool: span.NewPool(64 << 10), config: func(c *server.Config) { c.DrainMax = drainHangs }})
	other := b.dial()
	other.createTopic("t", 1)
	b.group(other, b.dial(), 1)
	whole, large, records := newApiVersionsOf(3), syncRequest(200_000), produceRequest("t", 0, -1, make([]byte, 50_000))
	for _, do := range []func(c *client){
		func(*client) {}, // silent
		func(c *client) { advertised(c) },
		func(c *client) { c.part(whole, 2) },       // half of the size
		func(c *client) { c.part(whole, 4) },       // the size alone
		func(c *client) { c.part(whole, 15) },      // served from the connection's own buffer
		func(c *client) { c.part(large, 100_000) }, // in memory for large ones
		func(c *client) { c.part(records, 20_000) },
		func(c *client) { c.part(records, 3_000) }, // all of them: more than the pool has
		func(c *client) { c.send(whole); c.part(whole, 15) },
		func(c *client) { c.send(parkedFetch("t")) },
		func(c *client) { c.send(parkedFetch("t")); c.send(parkedFetch("t")) },
		func(c *client) { c.send(parkedFetch("t")); c.part(large, 100_000) },
		func(c *client) { c.send(waitingJoin()) },
	} {
		for range each {
			do(b.dial())
		}
	}
	until(t, "much of it was read", func() bool { return server.BytesRead(b.server) > each*100_000 }, func() { advertised(other) })
	b.closesAtOnce()
}

// waitingJoin joins the group that broker.group makes, whose leader does not come back.
func waitingJoin() *kmsg.JoinGroupRequest {
	join := kmsg.NewPtrJoinGroupRequest()
	join.SetVersion(3)
	join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = "g", 30_000, 60_000, "consumer"
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{1}}}
	return join
}

// part sends the first bytes of a request.
func (c *client) part(req kmsg.Request, n int) {
	c.tb.Helper()
	_, err := c.conn.Write(c.frame(req)[:n])
	must(c.tb, err)
}

// closesAtOnce closes the broker and fails if that waits for DrainMax.
func (b *broker) closesAtOnce() {
	b.tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.close()
	}()
	hangs := clock.Real{}.NewTimer(patience)
	defer hangs.Stop()
	select {
	case <-done:
	case <-hangs.C():
		b.tb.Errorf("Close waits for %d connections", b.openConnections())
	}
}
