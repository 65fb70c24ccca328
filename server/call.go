package server

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
)

// call is one request on its way through the server: decoded and started by
// the connection's reader, finished by whoever learns the outcome, answered
// when all earlier calls of its connection have been.
//
// A handler ends its part with exactly one of answer, later, silent or refuse,
// at once or from any goroutine.
type call struct {
	conn   *conn
	api    *api
	header protocol.RequestHeader
	frame  *frame // what the request's byte fields alias, until the handler returns
	start  time.Time
	busy   atomic.Int64 // how long the handler took, in nanoseconds; 0 until it returned
	// throttle is how long the client has to pause; see throttle.go. The handler's,
	// then that of who makes the answer.
	throttle time.Duration

	// Guarded by the pipeline's mutex until ready, then by its taker.
	next   *call
	inline bool // the reader is still in the handler: it writes by itself
	ready  bool
	cancel func() // wakes a parked call whose connection ended or drains
	expiry expiry
	mem    holding

	abandon func() // gives back what finish would have, if the connection ends first

	resp   kmsg.Response // to be encoded by the goroutine that writes
	finish func(*call)   // makes out; run by the goroutine that writes; may block
	out    span.List
	code   protocol.ErrorCode // the first error in the answer, for the metrics
	hangUp string             // why the connection ends instead of an answer
}

// expiry ends a call that is not ready after a time, to the janitor's second.
type expiry struct {
	after time.Duration
	end   func()
}

// holding is what a call takes of memory; see answers.go.
type holding struct {
	cost  int         // what it takes of its connection's own allowance
	size  int         // of the answer when encoded, if its maker said it
	share *span.Share // of the memory for answers
	// due is when the share must be back if others wait for it; guarded by the
	// pipeline's mutex.
	due time.Time
}

// caller is who asks, as groups know it. Only the connection's reader may ask:
// it makes the session with the first request that is about a group.
func (c *call) caller() coordinator.Caller {
	if c.conn.session == nil {
		c.conn.session = c.conn.srv.groups.NewSession()
	}
	return coordinator.Caller{ClientID: c.header.ClientID, ClientHost: "/" + c.conn.address, Session: c.conn.session}
}

// buffer is the counted memory behind the request's byte fields; nil if the
// garbage collector owns it.
func (c *call) buffer() *span.Buffer { return c.frame.owner }

// answer ends the call with a response.
func (c *call) answer(resp kmsg.Response) {
	c.encode(resp)
	c.conn.pipe.complete(c)
}

// later ends the call's first phase: finish, which must encode or leave out
// empty, is run by the writing goroutine when it is this call's turn. It may
// block on the disk; it is not run if the connection ended.
func (c *call) later(finish func(*call)) {
	c.finish = finish
	c.conn.pipe.complete(c)
}

// encodeLater is answer for the goroutines of the log and of the coordinator:
// the writing goroutine encodes.
func (c *call) encodeLater(resp kmsg.Response) {
	c.resp = resp
	c.conn.pipe.complete(c)
}

// silent ends a call that has no answer (produce with acks=0).
func (c *call) silent() {
	c.chargeTime()
	c.conn.pipe.complete(c)
}

// refuse ends the call and, in its turn, the connection: for mistakes that the
// client could not be told.
func (c *call) refuse(why string) {
	c.hangUp = why
	c.conn.pipe.complete(c)
}

// parked lets the pipeline wake a call that waits for something other than
// the disk. wake must end the call soon, and may be called more than once.
func (c *call) parked(wake func()) { c.conn.pipe.park(c, wake) }

// expires makes the janitor end the call if it takes longer than d.
func (c *call) expires(d time.Duration, end func()) {
	c.conn.pipe.mu.Lock()
	defer c.conn.pipe.mu.Unlock()
	c.expiry = expiry{d, end}
}

// encode writes the response frame into the call's output.
func (c *call) encode(resp kmsg.Response) {
	resp.SetVersion(c.header.Version)
	c.encodeAsIs(resp)
}

// encodeAsIs is encode for an answer whose version is not its request's.
func (c *call) encodeAsIs(resp kmsg.Response) {
	c.tellThrottle(resp)
	flexible := c.header.Key.FlexibleResponseHeader(c.header.Version)
	room := c.mem.size
	if room == 0 && c.mem.share != nil {
		// A buffer that has to grow from a quarter on is not copied often.
		room = c.mem.cost / 4
	}
	buf := protocol.AppendResponse(make([]byte, 0, room), c.header.Correlation, resp, flexible)
	if c.mem.share != nil {
		c.mem.share.Resize(int64(cap(buf)))
	}
	c.out.AddMem(buf)
}

// bytes is about what the answer takes when it is written, records aside.
func (c *call) bytes() int {
	if c.resp == nil {
		return c.out.Len()
	}
	return max(c.mem.size, c.mem.cost)
}

// drop ends a call whose connection is gone.
func (c *call) drop() {
	c.out.Release()
	if c.abandon != nil {
		c.abandon()
	}
}

// failed notes the first error of an answer for the metrics, and passes the
// code on as kmsg wants it.
func (c *call) failed(code protocol.ErrorCode) int16 {
	if c.code == protocol.NoError {
		c.code = code
	}
	return int16(code)
}
