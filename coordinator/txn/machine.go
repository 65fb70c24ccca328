package txn

import (
	"fmt"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// machine is the state of one shard: all its transactional ids. It is pure: it has
// no clock, no lock and no I/O, and one caller at a time. What is durable of an id
// only Replay changes; what is soft dies with the machine.
type machine struct {
	ids      map[string]*transaction
	census   [stateCount]int
	timers   shard.Timers[timerKey]
	begun    shard.Timers[string] // open transactions by their start: the first is the oldest
	requests uint64               // that waited, ever
	epoch    int32                // of the coordinator, since the load
}

// timerKind says what a deadline is for.
type timerKind int8

const (
	timerTimeout timerKind = iota // a transaction is open for long, then for too long
	timerMarkers                  // markers are to be tried again
	timerWait                     // a request has waited long enough
	timerExpiry                   // ids are to be looked through
)

// timerKey names a deadline; setting it again moves it.
type timerKey struct {
	kind   timerKind
	id     string
	number uint64 // of a request
}

func newMachine() *machine { return &machine{ids: map[string]*transaction{}} }

// Replay implements shard.Machine. It takes whatever a log may hold: compaction
// leaves the last record of an id only.
func (m *machine) Replay(r shard.Record) error {
	id, ok, err := readKey(r.Key)
	if err != nil || !ok {
		return err
	}
	if r.Value == nil {
		m.drop(m.ids[string(id)])
		return nil
	}
	v, dead, err := readValue(r.Value)
	if err != nil {
		return fmt.Errorf("transactional id %q: %w", id, err)
	}
	tx := m.ids[string(id)]
	if dead {
		m.drop(tx)
		return nil
	}
	if tx == nil {
		tx = &transaction{id: string(id), lastEpoch: noEpoch}
		m.ids[tx.id] = tx
	} else {
		m.census[tx.state]--
	}
	tx.value = v
	m.census[v.state]++
	if v.state.open() {
		m.begun.Set(tx.id, time.UnixMilli(v.start))
	} else {
		m.begun.Cancel(tx.id)
	}
	return nil
}

func (m *machine) drop(tx *transaction) {
	if tx == nil {
		return
	}
	delete(m.ids, tx.id)
	m.census[tx.state]--
	m.begun.Cancel(tx.id)
}

// write records what becomes of an id and, by replay alone, makes it so.
func (m *machine) write(s *step, id string, to change) *transaction {
	before := m.ids[id]
	if before == nil && to.state != Empty || before != nil && !before.state.follows(to.state) {
		panic(fmt.Sprintf("transaction coordinator: %s cannot become %s", id, to.state))
	}
	s.Record(record(id, &to.value))
	shard.Apply(m, s)
	tx := m.ids[id]
	tx.lastEpoch, tx.whole, tx.hasty = to.lastEpoch, tx.whole || before == nil, false
	m.watch(s, tx)
	m.scheduleExpiry(s)
	return tx
}

// Restore implements shard.Machine: what is decided is done, all of it again.
func (m *machine) Restore(s *step, took time.Duration) {
	m.epoch = s.epoch()
	var open []*transaction
	for _, tx := range m.ids {
		if tx.state.open() {
			open = append(open, tx)
		}
	}
	slices.SortFunc(open, byID)
	redone := 0
	for _, tx := range open {
		m.watch(s, tx)
		if tx.state.prepared() {
			m.decided(s, tx, ByClient)
			redone++
		}
	}
	if len(m.ids) > 0 {
		m.scheduleExpiry(s)
	}
	s.event(Event{Kind: ShardLoaded, IDs: len(m.ids), Count: redone, Took: took})
}

// Settle implements shard.Machine.
func (m *machine) Settle(*step) {}

// Next implements shard.Machine.
func (m *machine) Next() (time.Time, bool) { return m.timers.Next() }

// Fire implements shard.Machine.
func (m *machine) Fire(s *step) bool {
	key, due := m.timers.Pop(s.Now)
	if !due {
		return false
	}
	if key.kind == timerExpiry {
		m.expire(s)
		return true
	}
	tx := m.ids[key.id]
	if tx == nil {
		return true
	}
	switch key.kind {
	case timerTimeout:
		m.overdue(s, tx)
	case timerMarkers:
		if tx.markers != nil {
			m.sendMarkers(s, tx)
		}
	case timerWait:
		m.tired(s, tx, key.number)
	case timerExpiry: // handled above: it belongs to no id
	}
	return true
}

// Parked implements shard.Machine.
func (m *machine) Parked() []shard.Answer {
	var answers []shard.Answer
	for _, tx := range m.ids {
		for _, r := range tx.waiting {
			answers = append(answers, r.reply)
		}
		tx.waiting = nil
	}
	return answers
}
