package server

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

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

	// Guarded by the pipeline's mutex until ready, then by its taker.
	next   *call
	inline bool // the reader is still in the handler: it writes by itself
	ready  bool
	cancel func() // wakes a parked call whose connection ended or drains
	// onExpiry ends a call that is not ready after timeout, to the janitor's second.
	onExpiry func()
	timeout  time.Duration

	// cost is what the decoded request and the answer take, share what they hold
	// of the memory for answers, encoded the answer's size if only its maker
	// knew; see answers.go.
	cost    int
	share   *span.Share
	encoded int

	abandon func() // gives back what finish would have, if the connection ends first

	resp   kmsg.Response // to be encoded by the goroutine that writes
	finish func(*call)   // makes out; run by the goroutine that writes; may block
	out    span.List
	code   protocol.ErrorCode // the first error in the answer, for the metrics
	hangUp string             // why the connection ends instead of an answer
}

// buffer is the counted memory behind the request's byte fields; nil if the
// garbage collector owns it.
func (c *call) buffer() *span.Buffer { return c.frame.owner }

// version is that of the request and of its answer.
func (c *call) version() int16 { return c.header.Version }

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

// encodeLater is answer for the log's goroutines: the writing goroutine
// encodes.
func (c *call) encodeLater(resp kmsg.Response) {
	c.resp = resp
	c.conn.pipe.complete(c)
}

// silent ends a call that has no answer (produce with acks=0).
func (c *call) silent() { c.conn.pipe.complete(c) }

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
	c.timeout, c.onExpiry = d, end
}

// encode writes the response frame into the call's output.
func (c *call) encode(resp kmsg.Response) {
	resp.SetVersion(c.header.Version)
	c.encodeAsIs(resp)
}

// encodeAsIs is encode for an answer whose version is not its request's.
func (c *call) encodeAsIs(resp kmsg.Response) {
	flexible := c.header.Key.FlexibleResponseHeader(c.header.Version)
	if c.share == nil {
		c.out.AddMem(protocol.AppendResponse(nil, c.header.Correlation, resp, flexible))
		return
	}
	// From a quarter on, a buffer that grows is not copied often.
	buf := protocol.AppendResponse(make([]byte, 0, c.cost/4), c.header.Correlation, resp, flexible)
	c.share.Resize(int64(cap(buf)))
	c.out.AddMem(buf)
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
