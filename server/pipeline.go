package server

import (
	"fmt"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
)

const (
	// gatherCalls and gatherBytes bound what one write to the socket carries.
	gatherCalls = 32
	gatherBytes = 64 << 10
)

// pipeline keeps the calls of one connection in the order they came, and
// writes their answers in that order while the work on them overlaps.
//
// There is one writer at a time, and no hand-over where none is needed: the
// reader itself writes the answers of calls that are done when their handler
// returns; for the others a writer goroutine, started with the first of them,
// is woken. Completions arrive on the log's goroutines, which only mark a call
// and wake the writer: making the answer is the writer's work.
type pipeline struct {
	conn *conn
	w    *span.Writer
	max  int
	wake chan struct{} // capacity 1
	out  span.List     // the writer's: what is being written

	mu         sync.Mutex
	room       sync.Cond // a call left, or the connection died
	head, tail *call
	taken      *call // the first of those that are being written
	waiting    int   // calls in the list
	owed       int   // what the calls that are not written yet cost
	leaving    int   // the part of owed that is being written
	writing    bool  // someone is in flush
	started    bool  // the writer goroutine runs
	draining   bool  // no more calls are let in, and those that would park are woken at once
	dead       bool  // nothing will be written any more
}

func newPipeline(c *conn, w *span.Writer, depth int) *pipeline {
	p := &pipeline{conn: c, w: w, max: depth, wake: make(chan struct{}, 1)}
	p.room.L = &p.mu
	return p
}

// push adds a call; it waits while the pipeline is full or owes too much, and
// reports false if the connection died or drains.
func (p *pipeline) push(c *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.openLocked() && (p.waiting >= p.max || p.owed > 0 && p.owed+c.mem.cost > owedMax) {
		p.waitLocked()
	}
	if !p.openLocked() {
		return false
	}
	p.owed += c.mem.cost
	c.inline = true
	if p.tail == nil {
		p.head = c
	} else {
		p.tail.next = c
	}
	p.tail = c
	p.waiting++
	return true
}

// await waits until a request that takes shared memory to be read will not wait
// for the connection's own calls once it is there. One with records may follow
// its like, which wait for the disk only; any other has to be alone. It reports
// false if the connection died or drains.
func (p *pipeline) await(produce bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.openLocked() && !p.clearLocked(produce) {
		p.waitLocked()
	}
	return p.openLocked()
}

func (p *pipeline) clearLocked(produce bool) bool {
	switch {
	case p.head == nil && p.taken == nil:
		return true
	case !produce || p.waiting >= p.max || p.owed > owedMax-producedOwedMax:
		return false
	}
	for _, list := range []*call{p.taken, p.head} {
		for c := list; c != nil; c = c.next {
			if c.header.Key != protocol.KeyProduce {
				return false
			}
		}
	}
	return true
}

func (p *pipeline) openLocked() bool { return !p.dead && !p.draining }

// waitLocked waits for a change. The connection has to go on: what is parked on
// it waits no longer for news, and answers with what there is.
func (p *pipeline) waitLocked() {
	wakes := p.cancelsLocked()
	if len(wakes) == 0 {
		p.room.Wait()
		return
	}
	p.mu.Unlock()
	for _, w := range wakes {
		w()
	}
	p.mu.Lock()
}

// complete marks a call as ready to be written.
func (p *pipeline) complete(c *call) {
	p.mu.Lock()
	if c.ready {
		p.mu.Unlock()
		panic("server: a call was ended twice: " + c.header.Key.String())
	}
	c.ready, c.cancel = true, nil
	if more := c.mem.size - c.mem.cost; more > 0 && !c.claims() {
		c.mem.cost += more
		p.owed += more
	}
	switch {
	case p.dead:
		p.mu.Unlock()
		c.drop()
		return
	case c.inline || p.writing || p.head != c:
		// The reader, the writer, or whoever completes the head will see it.
	default:
		p.wakeLocked()
	}
	p.mu.Unlock()
}

// wakeLocked makes the writer goroutine flush.
func (p *pipeline) wakeLocked() {
	if !p.started {
		p.started = true
		p.conn.goroutines.Add(1)
		go p.run()
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run is the writer goroutine.
func (p *pipeline) run() {
	defer p.conn.goroutines.Done()
	for range p.wake {
		p.mu.Lock()
		if p.dead {
			p.mu.Unlock()
			return
		}
		mine := p.takeWritingLocked()
		p.mu.Unlock()
		if mine {
			p.flush()
		}
	}
}

// handled ends the inline phase of a call: what is ready is written by the
// calling goroutine, the reader.
func (p *pipeline) handled(c *call) {
	p.mu.Lock()
	c.inline = false
	mine := p.takeWritingLocked()
	p.mu.Unlock()
	if mine {
		p.flush()
	}
}

func (p *pipeline) takeWritingLocked() bool {
	if p.writing || p.dead || p.head == nil || !p.head.ready || p.head.inline {
		return false
	}
	p.writing = true
	return true
}

// park remembers how to wake a call that waits for an event.
func (p *pipeline) park(c *call, wake func()) {
	p.mu.Lock()
	if c.ready {
		p.mu.Unlock()
		return
	}
	c.cancel = wake
	now := p.dead || p.draining
	p.mu.Unlock()
	if now {
		wake()
	}
}

// flush writes what is ready, in order, until the head is not. The caller has
// taken p.writing.
func (p *pipeline) flush() {
	for {
		n := p.take()
		if n == nil {
			return
		}
		hangUp := p.write(n)
		if hangUp != nil {
			p.conn.end(hangUp)
		}
	}
}

// take removes the calls that are ready at the head, as many as one write
// should carry. With none it gives up the writer's role.
func (p *pipeline) take() *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owed -= p.leaving // it has been written
	p.leaving, p.taken = 0, nil
	first, last := p.head, (*call)(nil)
	bytes := 0
	for n := 0; n < gatherCalls && bytes <= gatherBytes && p.head != nil && p.head.ready && !p.head.inline && !p.dead; n++ {
		if last != nil && (p.head.claims() || p.head.bytes() > gatherBytes) {
			break // it takes memory: not while earlier answers hold some
		}
		last = p.head
		p.head = last.next
		p.waiting--
		p.leaving += last.mem.cost
		bytes += last.bytes()
		if last.finish != nil || last.claims() {
			break
		}
	}
	if last == nil {
		p.writing = false
		p.room.Broadcast()
		return nil
	}
	last.next = nil
	if p.head == nil {
		p.tail = nil
	}
	p.taken = first
	p.room.Broadcast()
	return first
}

// write finishes and writes a list of calls. A non-nil error ends the
// connection.
func (p *pipeline) write(first *call) error {
	var end error
	count := 0
	for c := first; c != nil; c = c.next {
		switch {
		case end != nil:
		case c.resp != nil:
			end = c.encodeInTurn()
		case c.finish != nil:
			c.finish(c)
		}
		if end == nil && c.hangUp != "" {
			end = fmt.Errorf("%w: %s", errHangUp, c.hangUp)
		}
		if end != nil {
			c.drop()
			continue
		}
		p.out.Append(&c.out)
		count++
	}
	defer p.out.Release()
	if p.out.Len() > 0 {
		n, err := p.w.WriteList(&p.out)
		p.conn.srv.metrics.bytesOut.Add(uint64(n))
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	now := p.conn.srv.clock.Now()
	for c := first; count > 0; c, count = c.next, count-1 {
		p.conn.srv.metrics.answered(c, now)
	}
	return end
}

// drain lets no more calls in and wakes the parked ones. It does not block.
func (p *pipeline) drain() {
	p.mu.Lock()
	p.draining = true
	wakes := p.cancelsLocked()
	p.room.Broadcast()
	p.mu.Unlock()
	for _, w := range wakes {
		w()
	}
}

// settle waits until all calls were answered, or the connection died.
func (p *pipeline) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for (p.head != nil || p.writing) && !p.dead {
		p.room.Wait()
	}
}

// kill drops all calls: the connection is gone.
func (p *pipeline) kill() {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return
	}
	p.dead = true
	wakes := p.cancelsLocked()
	var ready []*call
	for c := p.head; c != nil; c = c.next {
		if c.ready {
			ready = append(ready, c)
		}
	}
	p.head, p.tail, p.waiting = nil, nil, 0
	p.room.Broadcast()
	if p.started {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.mu.Unlock()
	for _, c := range ready {
		c.drop()
	}
	for _, w := range wakes {
		w()
	}
}

func (p *pipeline) cancelsLocked() []func() {
	var wakes []func()
	for c := p.head; c != nil; c = c.next {
		if !c.ready && c.cancel != nil {
			wakes = append(wakes, c.cancel)
			c.cancel = nil
		}
	}
	return wakes
}

// busy reports whether calls await their answers.
func (p *pipeline) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.head != nil || p.writing
}

// late reports whether a call holds memory for answers for longer than it may
// if others wait for some.
func (p *pipeline) late(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, list := range []*call{p.taken, p.head} {
		for c := list; c != nil; c = c.next {
			if !c.mem.due.IsZero() && !now.Before(c.mem.due) {
				return true
			}
		}
	}
	return false
}

// expire ends the calls whose time is over. The janitor calls it.
func (p *pipeline) expire(now time.Time) {
	var due []func()
	p.mu.Lock()
	for c := p.head; c != nil; c = c.next {
		if !c.ready && c.expiry.end != nil && now.Sub(c.start) >= c.expiry.after {
			due = append(due, c.expiry.end)
			c.expiry.end = nil
		}
	}
	p.mu.Unlock()
	for _, f := range due {
		f()
	}
}
