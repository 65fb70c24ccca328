package txn

import (
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// waitingMax bounds the requests that wait for the same transaction. A client has
// one or two; each holds what it came with.
const waitingMax = 16

// request is one about an id. It may have to wait until a transaction is over, and
// runs again then, with its checks from the start.
type request struct {
	id    string
	run   func(m *machine, s *step, r *request)
	reply func(protocol.ErrorCode) // where a code is all there is to say

	number uint64    // among those that waited in the machine
	until  time.Time // how long it may wait, from its first try; zero: it has not yet
}

// await keeps a request until the transaction is over, for a while. A client that
// is told CONCURRENT_TRANSACTIONS comes again after 20 to 100 ms; markers take less
// as a rule.
func (m *machine) await(s *step, tx *transaction, r *request) { m.awaitFor(s, tx, r, s.config.WaitMax) }

func (m *machine) awaitFor(s *step, tx *transaction, r *request, most time.Duration) {
	if r.until.IsZero() {
		r.until = s.Now.Add(most)
		m.requests++
		r.number = m.requests
	}
	if !s.Now.Before(r.until) || len(tx.waiting) >= waitingMax {
		s.reply(r, protocol.ConcurrentTransactions)
		return
	}
	tx.waiting = append(tx.waiting, r)
	m.timers.Set(timerKey{timerWait, tx.id, r.number}, r.until)
}

// wake runs the requests that waited for a transaction which is over, in the order
// in which they came. What one of them decides, the others see.
func (m *machine) wake(s *step, tx *transaction) {
	waited := tx.waiting
	tx.waiting = nil
	for _, r := range waited {
		m.timers.Cancel(timerKey{timerWait, r.id, r.number})
		r.run(m, s, r)
		s.Cut()
	}
}

// tired answers a request that has waited long enough.
func (m *machine) tired(s *step, tx *transaction, number uint64) {
	i := slices.IndexFunc(tx.waiting, func(r *request) bool { return r.number == number })
	if i < 0 {
		return
	}
	s.reply(tx.waiting[i], protocol.ConcurrentTransactions)
	tx.waiting = slices.Delete(tx.waiting, i, i+1)
}
