package shard

import (
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// turnsMax is how often a caller drains a mailbox that others keep filling
// before it hands the work to a goroutine of the coordinator.
const turnsMax = 8

// mail is one thing for a shard to do: a task for its machine, or a control
// that concerns the shard itself.
type mail[M Machine[S], S Step] struct {
	run     func(M, S)
	fail    func(protocol.ErrorCode) // answers instead of run when there is no machine; nil: nobody waits
	control func()
}

// shard runs one machine: one partition of an internal topic. Whoever finds its
// mailbox idle drains it, so an idle shard costs neither goroutine nor timer.
type shard[M Machine[S], S Step] struct {
	index   int32
	env     *Env[M, S]
	workers *workers

	mu struct {
		sync.Mutex
		queue   []mail[M, S]
		running bool
	}

	// The rest belongs to whoever drains the mailbox, one at a time.

	machine M
	outbox  *outbox            // of that machine; nil: there is none
	journal Journal            // of the load that epoch counts
	refusal protocol.ErrorCode // what tasks get while there is no machine
	closed  bool
	lostAt  time.Time // of the last lost append
	epoch   uint64    // counts loads and unloads; what belongs to an older one is stale
	timer   clock.Timer
	armed   time.Time // when timer fires; zero: not pending
}

func newShard[M Machine[S], S Step](index int32, env *Env[M, S], workers *workers) *shard[M, S] {
	return &shard[M, S]{index: index, env: env, workers: workers, refusal: protocol.NotCoordinator}
}

// post puts mail into the box and drains it unless somebody else does already.
func (sh *shard[M, S]) post(m mail[M, S]) {
	if sh.enqueue(m) {
		sh.drain()
	}
}

// postAside is post for goroutines that have other work to do than a shard's: the
// journal's, and those of a connection that ends.
func (sh *shard[M, S]) postAside(m mail[M, S]) {
	if sh.enqueue(m) && !sh.workers.start(sh.drain) {
		sh.drain() // the coordinator is closed: there is nothing to do
	}
}

// control posts what concerns the shard itself.
func (sh *shard[M, S]) control(do func()) { sh.post(mail[M, S]{control: do}) }

// controlAndWait returns when it is done. It must not be called from within a turn.
func (sh *shard[M, S]) controlAndWait(do func()) {
	done := make(chan struct{})
	sh.control(func() {
		do()
		close(done)
	})
	<-done
}

// enqueue reports whether the caller has to see that the mailbox is drained.
func (sh *shard[M, S]) enqueue(m mail[M, S]) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.mu.queue = append(sh.mu.queue, m)
	idle := !sh.mu.running
	sh.mu.running = true
	return idle
}

func (sh *shard[M, S]) drain() {
	for turn := 1; ; turn++ {
		sh.mu.Lock()
		batch := sh.mu.queue
		sh.mu.queue = nil
		sh.mu.running = len(batch) > 0
		sh.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		sh.process(batch)
		// The caller came with one request of its own; it must not be held
		// for ever by the requests of others.
		if turn == turnsMax && sh.workers.start(sh.drain) {
			return
		}
	}
}

// process runs a batch. The records of all its tasks go out as one append.
func (sh *shard[M, S]) process(batch []mail[M, S]) {
	s := sh.newStep()
	for i := range batch {
		m := &batch[i]
		switch {
		case m.control != nil:
			sh.commit(s)
			m.control()
			s = sh.newStep()
		case sh.outbox == nil:
			if m.fail != nil {
				m.fail(sh.refusal)
			}
		default:
			m.run(sh.machine, s)
			sh.settle(s)
		}
	}
	sh.commit(s)
	sh.arm()
}

func (sh *shard[M, S]) newStep() S { return sh.env.Step(sh.index, sh.env.Clock.Now()) }

// settle has what the machine decided change what is durable, by replay alone:
// live state and reloaded state cannot drift apart. It is kept or lost as a whole.
func (sh *shard[M, S]) settle(s S) {
	Apply(sh.machine, s)
	sh.machine.Settle(s)
	s.Base().Cut()
}

// commit hands a step's records and answers to the outbox.
func (sh *shard[M, S]) commit(s S) {
	if sh.outbox == nil {
		return // nothing has run in this step
	}
	sh.env.Publish(sh.index, sh.machine, s)
	t := s.Base()
	sh.outbox.add(t.records, t.cuts, t.answers)
}

// serve puts a machine into service.
func (sh *shard[M, S]) serve(m M) {
	epoch := sh.epoch
	sh.machine = m
	sh.outbox = newOutbox(sh.journal, sh.env.Sizes, func() {
		sh.postAside(mail[M, S]{control: sh.flush})
	}, func(err error, answers []Answer) {
		sh.control(func() { sh.lost(epoch, err, answers) })
	})
}

// flush sends what was held while an append was under way.
func (sh *shard[M, S]) flush() {
	if sh.outbox != nil {
		sh.outbox.flush()
	}
}

// lost ends steps whose records are gone. The first loss of an epoch drops the
// machine before anybody is answered: it holds what the journal does not. What
// was held is built on it.
func (sh *shard[M, S]) lost(epoch uint64, err error, answers []Answer) {
	if epoch == sh.epoch && sh.outbox != nil {
		sh.env.Events(Event{Kind: AppendFailed, Shard: sh.index, Err: err})
		answers = append(answers, sh.outbox.discard()...)
		sh.reload()
	}
	code := protocol.CoordinatorLoadInProgress
	if sh.outbox == nil {
		code = sh.refusal
	}
	deliver(answers, code)
}

// fire runs the timers that are due.
func (sh *shard[M, S]) fire() {
	sh.armed = time.Time{}
	if sh.outbox == nil {
		return
	}
	s := sh.newStep()
	for sh.machine.Fire(s) {
		sh.settle(s)
	}
	sh.commit(s)
}

// arm sets the one timer of the shard to its earliest deadline. A deadline that
// moved back (every heartbeat does) leaves it: it fires early, for nothing.
func (sh *shard[M, S]) arm() {
	next, some := time.Time{}, false
	if sh.outbox != nil {
		next, some = sh.machine.Next()
	}
	switch {
	case !some:
		if !sh.armed.IsZero() {
			sh.timer.Stop()
			sh.armed = time.Time{}
		}
	case sh.armed.IsZero() || next.Before(sh.armed):
		sh.armed = next
		wait := next.Sub(sh.env.Clock.Now())
		if sh.timer == nil {
			sh.timer = sh.env.Clock.AfterFunc(wait, func() { sh.control(sh.fire) })
			return
		}
		sh.timer.Reset(wait)
	}
}
