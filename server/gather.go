package server

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// gather is an answer that waits for outcomes from other goroutines, one for
// each place in it, and for the handler itself: the last one sends it. Places
// say REQUEST_TIMED_OUT until their outcome is noted, so that the answer can be
// sent at any time.
type gather struct {
	call *call
	resp kmsg.Response
	// finish, if any, adds what all outcomes together ask for. It runs without the
	// lock, when no outcome is noted any more.
	finish func()

	mu   sync.Mutex
	left int  // outcomes to come, that of the handler included
	over bool // the answer is being sent
}

// note begins to note an outcome: with true the caller fills its place, and
// calls noted. False: the answer has been sent without it.
func (g *gather) note() bool {
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		return false
	}
	return true
}

// noted ends what note began.
func (g *gather) noted() {
	g.left--
	g.over = g.left == 0
	last := g.over
	g.mu.Unlock()
	if last {
		g.send()
	}
}

// leave is the handler's own outcome: all is on its way.
func (g *gather) leave() {
	if g.note() {
		g.noted()
	}
}

// expire sends the answer now: what is still on its way has timed out.
func (g *gather) expire() {
	if !g.note() {
		return
	}
	g.over = true
	g.call.failed(protocol.RequestTimedOut)
	g.mu.Unlock()
	g.send()
}

func (g *gather) send() {
	if g.finish != nil {
		g.finish()
	}
	g.call.encodeLater(g.resp)
}
