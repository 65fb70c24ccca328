package txn

import (
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// idRetry is the pause before a fence is tried again that has no producer id.
const idRetry = 100 * time.Millisecond

// watch sets the deadlines of an id for its state: a warning when most of the
// timeout is over, the end when all is. Both are exact, where Kafka looks every
// ten seconds.
func (m *machine) watch(s *step, tx *transaction) {
	key := timerKey{kind: timerTimeout, id: tx.id}
	switch {
	case tx.state != Ongoing:
		m.timers.Cancel(key)
	case !m.timers.Has(key):
		m.timers.Set(key, s.wallTime(tx.start+int64(tx.timeout)*4/5))
	}
}

// deadline is when a transaction is aborted that nobody ended.
func (tx *transaction) deadline() int64 { return tx.start + int64(tx.timeout) }

// overdue handles a transaction that is open for long.
func (m *machine) overdue(s *step, tx *transaction) {
	key, end := timerKey{kind: timerTimeout, id: tx.id}, s.wallTime(tx.deadline())
	if s.Now.Before(end) {
		e := s.about(tx, Long)
		e.Left = end.Sub(s.Now)
		s.event(e)
		m.timers.Set(key, end)
		return
	}
	if m.fence(s, tx, ByTimeout, Caller{}) != protocol.NoError {
		m.timers.Set(key, s.Now.Add(idRetry))
	}
}

// about begins an event of a transaction.
func (s *step) about(tx *transaction, kind EventKind) Event {
	return Event{
		Kind: kind, ID: tx.id, Producer: tx.who(), Owner: tx.caller, Partitions: tx.partitions.count(),
		Age: s.Now.Sub(s.wallTime(tx.start)),
	}
}
