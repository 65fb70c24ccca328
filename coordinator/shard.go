package coordinator

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
type mail struct {
	run     func(*machine, *step)
	fail    func(protocol.ErrorCode) // answers instead of run when there is no machine
	control func()
}

// shard runs one machine: one partition of the offsets topic. Whoever finds its
// mailbox idle drains it, so an idle shard costs neither goroutine nor timer.
type shard struct {
	index int32
	env   *environment
	stats stats

	mu struct {
		sync.Mutex
		queue   []mail
		running bool
	}

	// The rest belongs to whoever drains the mailbox, one at a time.

	machine *machine           // nil unless loaded
	outbox  *outbox            // of that machine; nil without one
	journal Journal            // of the load that epoch counts
	refusal protocol.ErrorCode // what tasks get while machine is nil
	closed  bool
	lostAt  time.Time // of the last lost append
	epoch   uint64    // counts loads and unloads; what belongs to an older one is stale
	timer   clock.Timer
	armed   time.Time // when timer fires; zero: not pending
}

func newShard(index int32, env *environment) *shard {
	return &shard{index: index, env: env, refusal: protocol.NotCoordinator}
}

// post puts mail into the box and drains it unless somebody else does already.
func (sh *shard) post(m mail) {
	if sh.enqueue(m) {
		sh.drain()
	}
}

// postAside is post for goroutines that have other work to do than a shard's: the
// journal's, and those of a connection that ends.
func (sh *shard) postAside(m mail) {
	if sh.enqueue(m) && !sh.env.workers.start(sh.drain) {
		sh.drain() // the coordinator is closed: there is nothing to do
	}
}

// enqueue reports whether the caller has to see that the mailbox is drained.
func (sh *shard) enqueue(m mail) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.mu.queue = append(sh.mu.queue, m)
	idle := !sh.mu.running
	sh.mu.running = true
	return idle
}

func (sh *shard) drain() {
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
		if turn == turnsMax && sh.env.workers.start(sh.drain) {
			return
		}
	}
}

// process runs a batch. The records of all its tasks go out as one append.
func (sh *shard) process(batch []mail) {
	config := sh.env.config()
	s := sh.newStep(&config)
	for i := range batch {
		m := &batch[i]
		switch {
		case m.control != nil:
			sh.commit(s)
			m.control()
			s = sh.newStep(&config)
		case sh.machine == nil:
			m.fail(sh.refusal)
		default:
			sh.execute(s, m.run)
		}
	}
	sh.commit(s)
	sh.arm()
}

func (sh *shard) newStep(config *Config) *step {
	return &step{now: sh.env.Clock.Now(), config: config, suffix: sh.env.MemberSuffix, view: sh.env.View(), shard: sh.index, starts: sh.env.LogStart}
}

// execute lets the machine decide and then, by replay alone, change what is
// durable: live state and reloaded state cannot drift apart. What it decides is
// kept or lost as a whole.
func (sh *shard) execute(s *step, run func(*machine, *step)) {
	run(sh.machine, s)
	sh.machine.apply(s)
	sh.machine.announce(s)
	s.cut()
}

// commit hands a step's records and answers to the outbox.
func (sh *shard) commit(s *step) {
	for i := range s.events {
		s.events[i].Shard = sh.index
		sh.env.Events(s.events[i])
	}
	if sh.machine == nil {
		return
	}
	sh.stats.publish(sh.machine, s)
	sh.outbox.add(s.records, s.cuts, s.answers, s.config.appendSizes())
}

// serve puts a machine into service.
func (sh *shard) serve(m *machine) {
	epoch := sh.epoch
	sh.machine = m
	sh.outbox = newOutbox(sh.journal, func() {
		sh.postAside(mail{control: sh.flush})
	}, func(err error, answers []answer) {
		sh.post(mail{control: func() { sh.lost(epoch, err, answers) }})
	})
}

// flush sends what was held while an append was under way.
func (sh *shard) flush() {
	if sh.outbox != nil {
		config := sh.env.config()
		sh.outbox.flush(config.appendSizes())
	}
}

// lost ends steps whose records are gone. The first loss of an epoch drops the
// machine before anybody is answered: it holds what the journal does not. What
// was held is built on it.
func (sh *shard) lost(epoch uint64, err error, answers []answer) {
	if epoch == sh.epoch && sh.machine != nil {
		sh.env.Events(Event{Kind: AppendFailed, Shard: sh.index, Err: err})
		answers = append(answers, sh.outbox.discard()...)
		sh.reload()
	}
	code := protocol.CoordinatorLoadInProgress
	if sh.machine == nil {
		code = sh.refusal
	}
	deliver(answers, code)
}

// fire runs the timers that are due.
func (sh *shard) fire() {
	sh.armed = time.Time{}
	if sh.machine == nil {
		return
	}
	config := sh.env.config()
	s := sh.newStep(&config)
	for {
		key, due := sh.machine.timers.Pop(s.now)
		if !due {
			break
		}
		sh.execute(s, func(m *machine, s *step) { m.fire(s, key) })
	}
	sh.commit(s)
}

// arm sets the one timer of the shard to its earliest deadline. A deadline that
// moved back (every heartbeat does) leaves it: it fires early, for nothing.
func (sh *shard) arm() {
	next, some := time.Time{}, false
	if sh.machine != nil {
		next, some = sh.machine.timers.Next()
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
			sh.timer = sh.env.Clock.AfterFunc(wait, func() { sh.post(mail{control: sh.fire}) })
			return
		}
		sh.timer.Reset(wait)
	}
}
