package shard

import (
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// load drops what the shard holds and reads its journal in the background.
// first, if any, learns how the first attempt ended.
func (sh *shard[M, S]) load(journal Journal, first func(error)) {
	if sh.closed {
		if first != nil {
			first(ErrUnloaded)
		}
		return
	}
	sh.drop(protocol.CoordinatorLoadInProgress)
	sh.journal = journal
	sh.env.Events(Event{Kind: Loading, Shard: sh.index})
	epoch, started := sh.epoch, sh.env.Clock.Now()
	ok := sh.workers.start(func() {
		m := sh.env.New()
		skipped := 0
		err := journal.Load(func(r Record) error {
			if err := m.Replay(r); err != nil {
				// One unreadable record must not take all that the shard has
				// away; the older record of its key stays in force.
				skipped++
				sh.env.Events(Event{Kind: RecordSkipped, Shard: sh.index, Count: skipped, Err: err})
			}
			return nil
		})
		sh.controlAndWait(func() { err = sh.loaded(epoch, m, started, err) })
		if first != nil {
			first(err) // behind the turn: where nobody else asks, the shard is at rest
		}
	})
	if !ok && first != nil {
		first(ErrUnloaded)
	}
}

// reload loads again after a lost append: at once, or, if the one before was
// lost a moment ago too, after a pause. A full disk must not turn every commit
// into a load.
func (sh *shard[M, S]) reload() {
	now, pause := sh.env.Clock.Now(), sh.env.LoadRetry()
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
func (sh *shard[M, S]) loadLater(pause time.Duration) {
	epoch := sh.epoch
	sh.env.Clock.AfterFunc(pause, func() {
		sh.control(func() {
			if epoch == sh.epoch {
				sh.load(sh.journal, nil)
			}
		})
	})
}

// loaded puts a machine into service that was read for this epoch, or tries
// again later.
func (sh *shard[M, S]) loaded(epoch uint64, m M, started time.Time, err error) error {
	if epoch != sh.epoch {
		return ErrUnloaded
	}
	if err != nil {
		sh.env.Events(Event{Kind: LoadFailed, Shard: sh.index, Err: err})
		sh.loadLater(sh.env.LoadRetry())
		return err
	}
	s := sh.newStep()
	sh.serve(m)
	m.Restore(s, s.Base().Now.Sub(started))
	sh.settle(s)
	sh.commit(s)
	return nil
}

func (sh *shard[M, S]) unloadAndWait(code protocol.ErrorCode) {
	sh.controlAndWait(func() { sh.unload(code) })
}

// unload ends the service: everything that waits or comes gets code.
func (sh *shard[M, S]) unload(code protocol.ErrorCode) {
	sh.closed = sh.closed || code == protocol.CoordinatorNotAvailable
	was := sh.journal != nil
	if sh.closed {
		code = protocol.CoordinatorNotAvailable
	}
	sh.drop(code)
	sh.journal = nil
	if was {
		sh.env.Events(Event{Kind: Unloaded, Shard: sh.index})
	}
}

// drop forgets the machine, and answers what was held for it and what was
// parked in it. What is under way already is answered when it ends.
func (sh *shard[M, S]) drop(code protocol.ErrorCode) {
	var none M
	m, out := sh.machine, sh.outbox
	sh.machine, sh.outbox = none, nil
	sh.refusal = code
	sh.epoch++
	sh.arm() // stops the timer
	sh.env.Clear(sh.index)
	if out != nil {
		deliver(out.discard(), code)
		deliver(m.Parked(), code)
	}
}
