package txn

import (
	"cmp"
	"slices"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

func byID(a, b *transaction) int { return cmp.Compare(a.id, b.id) }

// namesMax is how many of the ids that expire are named.
const namesMax = 3

// scheduleExpiry has the ids looked through after a while.
func (m *machine) scheduleExpiry(s *step) {
	if key := (timerKey{kind: timerExpiry}); !m.timers.Has(key) {
		m.timers.Set(key, s.Now.Add(s.config.ExpiryInterval))
	}
}

// expire forgets the ids that nobody used for long. One that comes back later gets
// another producer id, so nothing of before can be taken for its own.
func (m *machine) expire(s *step) {
	var old []*transaction
	for _, tx := range m.ids {
		if !tx.state.open() && tx.updated <= s.Wall()-s.config.Expiration.Milliseconds() {
			old = append(old, tx)
		}
	}
	slices.SortFunc(old, byID)
	for _, tx := range old {
		s.Record(shard.Record{Key: appendKey(nil, tx.id)})
		s.Cut()
	}
	shard.Apply(m, s)
	if len(old) > 0 {
		e := Event{Kind: Expired, Count: len(old)}
		for _, tx := range old[:min(len(old), namesMax)] {
			e.Names = append(e.Names, tx.id)
		}
		s.event(e)
	}
	if len(m.ids) > 0 {
		m.scheduleExpiry(s)
	}
}
