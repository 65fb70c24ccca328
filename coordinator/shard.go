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
	sh.mu.Lock()
	sh.mu.queue = append(sh.mu.queue, m)
	idle := !sh.mu.running
	sh.mu.running = true
	sh.mu.Unlock()
	if idle {
		sh.drain()
	}
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
	return &step{now: sh.env.Clock.Now(), config: config, suffix: sh.env.MemberSuffix, view: sh.env.View()}
}

// execute lets the machine decide and then, by replay alone, change what is
// durable: live state and reloaded state cannot drift apart.
func (sh *shard) execute(s *step, run func(*machine, *step)) {
	run(sh.machine, s)
	sh.machine.apply(s)
}

// commit appends a step's records and holds its answers until they, and all
// appended before that they may have seen, are below the high watermark.
func (sh *shard) commit(s *step) {
	for i := range s.events {
		s.events[i].Shard = sh.index
		sh.env.Events(s.events[i])
	}
	if sh.machine != nil {
		sh.stats.publish(sh.machine, s)
	}
	if len(s.records) == 0 && len(s.answers) == 0 {
		return
	}
	epoch, answers := sh.epoch, s.answers
	done := func(err error) {
		if err == nil {
			deliver(answers, protocol.NoError)
			return
		}
		sh.post(mail{control: func() { sh.lost(epoch, err, answers) }})
	}
	if len(s.records) == 0 {
		sh.journal.Barrier(done)
		return
	}
	chunks := split(s.records, s.config.BatchBytesMax)
	for _, chunk := range chunks[:len(chunks)-1] {
		sh.journal.Append(chunk, func(err error) {
			if err != nil {
				sh.post(mail{control: func() { sh.lost(epoch, err, nil) }})
			}
		})
	}
	sh.journal.Append(chunks[len(chunks)-1], done)
}

// lost ends a step whose records are gone. The first loss of an epoch drops the
// machine before anybody is answered: it holds what the journal does not.
func (sh *shard) lost(epoch uint64, err error, answers []answer) {
	if epoch == sh.epoch && sh.machine != nil {
		sh.env.Events(Event{Kind: AppendFailed, Shard: sh.index, Err: err})
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
		key, due := sh.machine.timers.pop(s.now)
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
		next, some = sh.machine.timers.next()
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

// split cuts records into appends of at most limit bytes of keys and values.
func split(records []Record, limit int) [][]Record {
	var chunks [][]Record
	start, size := 0, 0
	for i := range records {
		n := len(records[i].Key) + len(records[i].Value)
		if i > start && size+n > limit {
			chunks = append(chunks, records[start:i:i])
			start, size = i, 0
		}
		size += n
	}
	return append(chunks, records[start:])
}
