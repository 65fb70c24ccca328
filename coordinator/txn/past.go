package txn

// What became of transactions and their producers is kept for who asks why, and is in
// no record: after a load it is not known.

// Ending is how a transaction ended.
type Ending struct {
	Commit bool
	Why    Reason
	By     Caller // that came with the id, or the operator
	At     int64  // ms, of the decision
}

// fencing is how a producer lost its place.
type fencing struct {
	who  Producer
	why  Reason
	by   Caller
	at   int64 // ms
	open int64 // ms that its transaction was open by then; 0: it had none
}

// fencingsMax bounds what is kept of an id: enough for who was fenced a moment ago.
const fencingsMax = 4

// past is what is known of an id besides its state.
type past struct {
	whole    bool      // it began after the load, so nothing of it is unknown
	last     *Ending   // of the newest transaction that is decided; nil: not known, or none was
	fencings []fencing // the newest last
}

func (p *past) fenced(f fencing) {
	if len(p.fencings) == fencingsMax {
		p.fencings = append(p.fencings[:0], p.fencings[1:]...)
	}
	p.fencings = append(p.fencings, f)
}

// fencingOf is how a producer lost its place; nil if that is not known.
func (p *past) fencingOf(who Producer) *fencing {
	for i := len(p.fencings) - 1; i >= 0; i-- {
		if p.fencings[i].who == who {
			return &p.fencings[i]
		}
	}
	return nil
}

// replaced notes that a producer loses its id to a new one, and tells of it. With no
// transaction open nothing else shows that two run with the same id; one that was
// aborted for this has been told of.
func (s *step) replaced(tx *transaction, client Caller) {
	told := tx.state == CompleteAbort && tx.last != nil && tx.last.Why == ByNewer
	tx.fenced(fencing{who: tx.who(), why: ByNewer, by: client.kept(), at: s.Wall()})
	if told {
		return
	}
	s.fenced++
	s.event(Event{Kind: Replaced, ID: tx.id, Producer: tx.who(), Owner: tx.caller, Client: client})
}
