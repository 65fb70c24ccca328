package shard

import (
	"slices"
	"sync"

	"github.com/mainstem-mq/mainstem/protocol"
)

// flightsMax bounds the appends of a shard that are under way at once. A few
// keep the disk busy while the next is made; each holds its batch in memory.
const flightsMax = 4

// Sizes bound an append, in bytes of keys and values.
type Sizes struct {
	Usual int // at which one is full
	// Unit is what one may have at most because a request's records go together, so
	// that a crash keeps all of them or none. Only what is larger still is cut where
	// it has to be; loads mend what that leaves.
	Unit int
}

// outbox carries what the steps of one loaded machine decide to its journal.
// While an append is under way, further records are held, and go as one append
// when it is done: the slower the disk, the more commits share a batch, and
// without a timer. Full batches do not wait for that, as long as there are not
// too many.
//
// An answer leaves when all records up to its step's are safe, also that of a
// step without any: it may have seen what is held.
type outbox struct {
	journal Journal
	sizes   func() Sizes
	wake    func()                // has flush called by whoever owns the shard then
	lost    func(error, []Answer) // hears of each append and barrier that failed

	// Held; these belong to whoever drains the shard's mailbox.

	records []Record
	cuts    []int // values of taken up to which an append may go; the last is taken
	size    int   // bytes of their keys and values
	taken   int   // records taken since the load, held ones included
	answers []heldAnswers

	mu struct {
		sync.Mutex
		flights int // appends that have not ended
		wakeAt  int // wake when there are no more flights than that; -1: never
	}
}

// heldAnswers may leave when so many records as the outbox had taken are safe.
type heldAnswers struct {
	after   int
	answers []Answer
}

func newOutbox(journal Journal, sizes func() Sizes, wake func(), lost func(error, []Answer)) *outbox {
	o := &outbox{journal: journal, sizes: sizes, wake: wake, lost: lost}
	o.mu.wakeAt = -1
	return o
}

// add takes what a step has decided, and sends it unless it has to wait. One
// append has at most the usual size, or what lies between two cuts.
// Those are numbers of records, ascending up to all.
func (o *outbox) add(records []Record, cuts []int, answers []Answer) {
	switch {
	case len(records) == 0 && len(answers) == 0:
		return
	case len(records) == 0 && len(o.records) == 0:
		o.journal.Barrier(func(err error) { o.end(err, answers) })
		return
	case len(o.records) == 0:
		o.records = records
	default:
		o.records = append(o.records, records...)
	}
	mustJoin(records, cuts)
	for _, cut := range cuts {
		o.cuts = append(o.cuts, o.taken+cut)
	}
	o.taken += len(records)
	for i := range records {
		o.size += records[i].Size()
	}
	if len(answers) > 0 {
		o.answers = append(o.answers, heldAnswers{o.taken, answers})
	}
	o.flush()
}

// mustJoin insists that what lies between two cuts can go as one batch.
func mustJoin(records []Record, cuts []int) {
	for i := 1; i < len(records); i++ {
		if records[i].Joins(&records[i-1]) {
			continue
		}
		if _, cut := slices.BinarySearch(cuts, i); !cut {
			panic("coordinator: one step records plain ones and those of a transaction without a cut between them")
		}
	}
}

// flush sends what is held and need not wait.
func (o *outbox) flush() {
	sizes := o.sizes()
	for len(o.records) > 0 && o.depart(sizes.Usual) {
		records, answers := o.next(sizes)
		o.journal.Append(records, func(err error) {
			o.end(err, answers)
			if err == nil {
				o.landed()
			}
		})
		clear(records) // the rest of a large step waits: it shall not hold these
	}
}

// depart counts another append, if it may go: at once when none is under way or
// a full one is held. Otherwise it asks to be woken.
func (o *outbox) depart(limit int) bool {
	below := 1
	if o.size >= limit {
		below = flightsMax
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.flights >= below {
		o.mu.wakeAt = below - 1
		return false
	}
	o.mu.flights++
	o.mu.wakeAt = -1
	return true
}

// landed counts the end of an append. One that was lost never ends: what is held
// waits for the shard to discard it.
func (o *outbox) landed() {
	o.mu.Lock()
	o.mu.flights--
	wake := o.mu.flights <= o.mu.wakeAt
	if wake {
		o.mu.wakeAt = -1
	}
	o.mu.Unlock()
	if wake {
		o.wake()
	}
}

// end tells those who waited for an append or a barrier, or the shard.
func (o *outbox) end(err error, answers []Answer) {
	if err != nil {
		o.lost(err, answers)
		return
	}
	deliver(answers, protocol.NoError)
}

// share is how many of the records go as one append, and their bytes.
func (o *outbox) share(sizes Sizes) (n, size int) {
	sent := o.taken - len(o.records)
	at, bytes, most := 0, 0, max(sizes.Usual, sizes.Unit) // the first goes in any case
	for _, cut := range o.cuts {
		for ; at < cut-sent; at++ {
			more := o.records[at].Size()
			switch {
			case at == 0 || bytes+more <= most:
				bytes += more
			case n == 0:
				return at, bytes
			default:
				return n, size
			}
		}
		n, size, most = at, bytes, sizes.Usual
	}
	return n, size
}

// next takes the records of one append out, and the answers that wait for no
// later one.
func (o *outbox) next(sizes Sizes) ([]Record, []Answer) {
	n, size := o.share(sizes)
	records := o.records[:n:n]
	o.records = o.records[n:]
	o.size -= size
	safe := o.taken - len(o.records)
	for len(o.cuts) > 0 && o.cuts[0] <= safe {
		o.cuts = o.cuts[1:]
	}
	if len(o.records) == 0 {
		o.records, o.cuts = nil, nil
	}
	var answers []Answer
	for len(o.answers) > 0 && o.answers[0].after <= safe {
		answers = append(answers, o.answers[0].answers...)
		o.answers[0].answers = nil
		o.answers = o.answers[1:]
	}
	return records, answers
}

// discard forgets what is held and returns its answers: the machine goes.
func (o *outbox) discard() []Answer {
	var answers []Answer
	for _, held := range o.answers {
		answers = append(answers, held.answers...)
	}
	o.records, o.cuts, o.size, o.answers = nil, nil, 0, nil
	return answers
}

// Size is how much of an append's limit the record takes.
func (r *Record) Size() int { return len(r.Key) + len(r.Value) }
