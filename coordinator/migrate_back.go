package coordinator

import "time"

// Each change of a group's kind writes all its members anew, and any client can ask
// for one: it joins a group by the other protocol, and leaves. Coming in is never put
// off. Going back is: a group stays a consumer group for as long as writing what its
// upgrade wrote takes at config.ConversionRate, which a small one does not notice. It
// works on meanwhile with classic members only, and if another member comes by the
// consumer protocol before the time is over there is nothing to go back to. All
// that is soft: a load lets every group go back that can.

// paidAt is when a group may go back to the classic protocol that came to the
// other one with these records.
func (s *step) paidAt(records []Record) time.Time {
	var bytes int64
	for i := range records {
		bytes += int64(records[i].Size())
	}
	return s.Now.Add(time.Duration(bytes*1000/s.config.ConversionRate) * time.Millisecond)
}

// classicOnly reports whether the group has members, all of the classic protocol.
func (c *consumerGroup) classicOnly() bool {
	return len(c.members) > 0 && c.index.classics == len(c.members)
}

// putOff reports whether a group that could become a classic one has to wait, and
// has it tried again then.
func (m *machine) putOff(s *step, g *group) bool {
	due := g.consumer.soft.backAt
	if !s.Now.Before(due) || !s.config.Migration.down() {
		return false
	}
	m.timers.Set(timerKey{timerDowngrade, g.id, ""}, due)
	return true
}

// stay ends the wait of a group that has no reason any more to become a classic one.
func (m *machine) stay(g *group) {
	if !g.consumer.classicOnly() {
		m.timers.Cancel(timerKey{timerDowngrade, g.id, ""})
	}
}

// goBack makes the group a classic one whose wait is over, or that was loaded.
func (m *machine) goBack(s *step, g *group) {
	if g.consumer != nil {
		m.downgrade(s, g, "nobody uses the other one any more")
	}
}

// goBackLoaded makes those groups classic ones that were to become that when they
// were last in memory.
func (m *machine) goBackLoaded(s *step) {
	for _, g := range m.consumers() {
		m.goBack(s, g)
		s.cut()
	}
}
