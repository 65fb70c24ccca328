package server

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server/quota"
)

// Quotas on clients, and what becomes of who takes more (KIP-219): its answer
// goes out at once and says how long the client has to pause, and until then
// nothing more is read of its connection. docs/decisions/0013-quotas.md has the
// choices.

// anonymous is Kafka's name for the user of a connection that has not said who it
// is; there is no other until clients can.
const anonymous = "ANONYMOUS"

// followQuotas makes the quotas that the metadata has, and keeps them so.
func followQuotas(meta cluster.Metadata) *quota.Quotas {
	q := quota.New()
	meta.Subscribe(func(before, after *cluster.Image) {
		if before.QuotaEpoch != after.QuotaEpoch {
			q.Set(quota.NewLimits(after.Quotas))
		}
	})
	q.Set(quota.NewLimits(meta.Image().Quotas))
	return q
}

// pause is a time in which nothing is read of a connection.
type pause struct {
	until time.Time
	over  <-chan struct{} // closed when the quotas have changed
}

// owner is who pays for the call.
func (c *call) owner() quota.Client {
	return quota.Client{User: anonymous, ClientID: c.header.ClientID}
}

// charge takes n from what the client may use of the kind.
func (c *call) charge(k quota.Kind, n float64) {
	q := c.conn.srv.quotas
	if !q.Limits(k) {
		return
	}
	c.heed(k, q.Charge(k, c.owner(), n, c.conn.srv.clock.Now()))
}

// heed makes the client pause, if it has to.
func (c *call) heed(k quota.Kind, v quota.Verdict) {
	if v.Pause <= 0 {
		return
	}
	s := c.conn.srv
	c.throttle = max(c.throttle, v.Pause)
	c.conn.pauseUntil(&pause{s.clock.Now().Add(v.Pause), v.Over})
	s.metrics.throttled(k, v.Pause)
	if v.First {
		s.limitedNote("a client is throttled: it uses more than its quota", append([]zap.Field{
			zap.String("quota", k.Key()), zap.Stringer("of", v.Of), zap.Float64("limit", v.Limit/k.Unit()), zap.Duration("pause", v.Pause),
		}, c.conn.who()...)...)
	}
}

// chargeTime takes the time that the call's goroutines were busy with it so far:
// from when the request was there until its handler returned. What waits for
// others (the log, a group's members, news) is no goroutine and costs nothing;
// what a handler itself waits for (the metadata's disk, cold records) does.
func (c *call) chargeTime() {
	if !c.conn.srv.quotas.Limits(quota.Request) {
		return
	}
	spent := time.Duration(c.busy.Load())
	if spent == 0 { // still in its handler
		spent = c.conn.srv.clock.Now().Sub(c.start)
	}
	c.charge(quota.Request, spent.Seconds())
}

// throttleMillis is what an answer says of the pause.
func (c *call) throttleMillis() int32 {
	return int32(min((c.throttle+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
}

// tellThrottle fills an answer's throttle time.
func (c *call) tellThrottle(resp kmsg.Response) {
	c.chargeTime()
	if c.throttle == 0 {
		return
	}
	if r, ok := resp.(kmsg.SetThrottleResponse); ok {
		r.SetThrottle(c.throttleMillis())
	}
}

// pauseUntil makes the reader rest before the next request, unless it has to
// longer already.
func (c *conn) pauseUntil(p *pause) {
	for {
		before := c.pause.Load()
		if before != nil && !before.until.Before(p.until) {
			return
		}
		if c.pause.CompareAndSwap(before, p) {
			return
		}
	}
}

// goneEvery is how often it is asked whether a client that has to pause is still there.
const goneEvery = 10 * time.Second

// rest waits until the connection may be read again, or its client has left: a pause may
// be long, and clients that are started again and again would leave connections behind.
// inHand: a request of it is read already, and will be served.
func (c *conn) rest(ctx context.Context, inHand bool) {
	for p := c.pause.Load(); p != nil && ctx.Err() == nil; p = c.pause.Load() {
		left := p.until.Sub(c.srv.clock.Now())
		if left > 0 && clock.WaitEither(c.srv.clock, min(left, goneEvery), ctx.Done(), p.over) {
			if !inHand && c.frames.empty() && !c.pipe.busy() && gone(c.nc) {
				c.end(io.EOF)
			}
			continue
		}
		c.pause.CompareAndSwap(p, nil)
	}
}

// paused reports whether nothing is read of the connection for now, so that its
// silence says nothing of its client.
func (c *conn) paused(now time.Time) bool {
	p := c.pause.Load()
	return p != nil && now.Before(p.until)
}

// owedFetch reports whether the client may get no records now; it is told to
// pause then.
func (c *call) owedFetch() bool {
	q := c.conn.srv.quotas
	if !q.Limits(quota.Fetch) {
		return false
	}
	v := q.Look(quota.Fetch, c.owner(), c.conn.srv.clock.Now())
	c.heed(quota.Fetch, v)
	return v.Pause > 0
}

// fetchRoom is the most that one answer may have of records, so that no pause is
// long. A first batch that is larger is sent all the same.
func (c *call) fetchRoom() int {
	burst, limited := c.conn.srv.quotas.Burst(quota.Fetch, c.owner())
	if !limited || burst > math.MaxInt32 {
		return math.MaxInt32
	}
	return max(int(burst), 1)
}

// mutations is what a call may make and delete of partitions (KIP-599).
type mutations struct {
	call   *call
	strict bool
}

// mutations counts what an admin request does. From the version on that knows the
// error, who owes is refused; a client that is older just has to pause.
func (c *call) mutations(strictSince int16) mutations {
	return mutations{c, c.header.Version >= strictSince}
}

// take asks for so many partitions.
func (m mutations) take(partitions int) *protocol.Error {
	q, c := m.call.conn.srv.quotas, m.call
	if !q.Limits(quota.Mutation) {
		return nil
	}
	if !m.strict {
		c.charge(quota.Mutation, float64(partitions))
		return nil
	}
	v, ok := q.Admit(quota.Mutation, c.owner(), float64(partitions), c.conn.srv.clock.Now())
	if ok {
		return nil
	}
	c.heed(quota.Mutation, v)
	return protocol.Errorf(protocol.ThrottlingQuotaExceeded,
		"The quota %s of %s is used up: try again in %d ms, or ask for a larger one.", quota.Mutation.Key(), v.Of, v.Pause.Milliseconds()+1)
}
