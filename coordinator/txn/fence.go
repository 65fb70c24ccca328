package txn

import "github.com/mainstem-mq/mainstem/protocol"

// Reason is why a transaction was ended.
type Reason int8

// The reasons.
const (
	ByClient   Reason = iota // EndTxn; also what a restart finds decided
	ByTimeout                // nobody ended it in time
	ByNewer                  // another producer came with the id
	ByOperator               // who asked for it
	reasonCount
)

// String names the reason for logs.
func (r Reason) String() string {
	switch r {
	case ByClient:
		return "its client"
	case ByTimeout:
		return "its timeout"
	case ByNewer:
		return "a newer producer with its id"
	case ByOperator:
		return "an operator"
	case reasonCount:
	}
	return "unknown"
}

// event tells of a transaction that was ended against the will of its producer.
func (r Reason) event() EventKind {
	switch r {
	case ByTimeout:
		return TimedOut
	case ByNewer:
		return Fenced
	case ByOperator, ByClient, reasonCount:
	}
	return Aborted
}

// fence aborts an ongoing transaction against the will of its producer. An error
// tells that nothing was done.
//
// It is the abort that the producer itself could have asked for, by transaction
// version 2. As in Kafka the producer may still find out: its own abort is a repeated
// one, and it goes on with the epoch after. Who comes with InitProducerId gets a
// later one, and with that it is fenced for good.
func (m *machine) fence(s *step, tx *transaction, why Reason, client Caller) protocol.ErrorCode {
	to, ok := prepareBumping(tx, PrepareAbort, s.Wall(), s.fresh)
	if !ok {
		return protocol.CoordinatorLoadInProgress
	}
	e := s.about(tx, why.event())
	e.Client = client
	s.event(e)
	by, now := client.kept(), s.Wall()
	tx.fenced(fencing{who: tx.who(), why: why, by: by, at: now, open: now - tx.start})
	tx.last = &Ending{Why: why, By: by, At: now}
	if why == ByNewer {
		s.fenced++
	}
	m.decided(s, m.write(s, tx.id, to), why)
	return protocol.NoError
}
