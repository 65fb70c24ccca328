package coordinator

import (
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// load drops what the shard holds and reads its journal in the background.
// first, if any, learns how the first attempt ended.
func (sh *shard) load(journal Journal, first func(error)) {
	if sh.closed {
		if first != nil {
			first(ErrUnloaded)
		}
		return
	}
	sh.drop(protocol.CoordinatorLoadInProgress)
	sh.journal = journal
	sh.env.Events(Event{Kind: ShardLoading, Shard: sh.index})
	epoch, started := sh.epoch, sh.env.Clock.Now()
	ok := sh.env.workers.start(func() {
		m := newMachine()
		skipped := 0
		err := journal.Load(func(r Record) error {
			if err := m.replay(r); err != nil {
				// One unreadable record must not take all groups of the shard
				// away; the older record of its key stays in force.
				skipped++
				sh.env.Events(Event{Kind: RecordSkipped, Shard: sh.index, Count: skipped, Err: err})
			}
			return nil
		})
		sh.post(mail{control: func() {
			err := sh.loaded(epoch, m, started, err)
			if first != nil {
				first(err)
			}
		}})
	})
	if !ok && first != nil {
		first(ErrUnloaded)
	}
}

// reload loads again after a lost append: at once, or, if the one before was
// lost a moment ago too, after a pause. A full disk must not turn every commit
// into a load.
func (sh *shard) reload() {
	now, pause := sh.env.Clock.Now(), sh.env.config().LoadRetry
	again := !sh.lostAt.IsZero() && now.Sub(sh.lostAt) < pause
	sh.lostAt = now
	if !again {
		sh.load(sh.journal, nil)
		return
	}
	sh.drop(protocol.CoordinatorLoadInProgress)
	sh.loadLater(pause)
}

// loadLater loads after a pause, unless something else was decided meanwhile.
func (sh *shard) loadLater(pause time.Duration) {
	epoch := sh.epoch
	sh.env.Clock.AfterFunc(pause, func() {
		sh.post(mail{control: func() {
			if epoch == sh.epoch {
				sh.load(sh.journal, nil)
			}
		}})
	})
}

// loaded puts a machine into service that was read for this epoch, or tries
// again later.
func (sh *shard) loaded(epoch uint64, m *machine, started time.Time, err error) error {
	if epoch != sh.epoch {
		return ErrUnloaded
	}
	config := sh.env.config()
	s := sh.newStep(&config)
	if err != nil {
		sh.env.Events(Event{Kind: ShardLoadFailed, Shard: sh.index, Err: err})
		sh.loadLater(config.LoadRetry)
		return err
	}
	sh.serve(m)
	sh.execute(s, func(m *machine, s *step) { m.restore(s) })
	s.event(Event{
		Kind: ShardLoaded, Groups: len(m.groups), Count: m.offsetCount, Took: s.now.Sub(started),
	})
	sh.commit(s)
	return nil
}

func (sh *shard) unloadAndWait(code protocol.ErrorCode) {
	done := make(chan struct{})
	sh.post(mail{control: func() {
		sh.unload(code)
		close(done)
	}})
	<-done
}

// unload ends the service: everything that waits or comes gets code.
func (sh *shard) unload(code protocol.ErrorCode) {
	sh.closed = sh.closed || code == protocol.CoordinatorNotAvailable
	was := sh.journal != nil
	if sh.closed {
		code = protocol.CoordinatorNotAvailable
	}
	sh.drop(code)
	sh.journal = nil
	if was {
		sh.env.Events(Event{Kind: ShardUnloaded, Shard: sh.index})
	}
}

// drop forgets the machine, and answers what was held for it and what was
// parked in it. What is under way already is answered when it ends.
func (sh *shard) drop(code protocol.ErrorCode) {
	m, out := sh.machine, sh.outbox
	sh.machine, sh.outbox = nil, nil
	sh.refusal = code
	sh.epoch++
	sh.arm() // stops the timer
	sh.stats.clear()
	if m != nil {
		deliver(out.discard(), code)
		deliver(m.parked(), code)
	}
}
