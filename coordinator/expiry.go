package coordinator

// scheduleExpiry sets the next look through the offsets, unless it is set. A
// shard without groups has none.
func (m *machine) scheduleExpiry(s *step) {
	key := timerKey{kind: timerExpiry}
	if !m.timers.Has(key) {
		m.timers.Set(key, s.Now.Add(s.config.OffsetsCheckInterval))
	}
}

// expireOffsets removes offsets whose retention has passed, and groups of which
// nothing is left then.
func (m *machine) expireOffsets(s *step) {
	var room arena
	for _, g := range m.groups {
		expired := 0
		if since, can := g.expiresSince(); can {
			for topic, partitions := range g.offsets {
				if g.consumes(topic) && !g.empty() {
					continue
				}
				for partition, c := range partitions {
					from := since
					if g.consumer != nil {
						from = max(since, c.commitTime)
					}
					if c.expired(s, from) && !g.isPending(topic, s.topic(topic), partition) {
						expired++
						s.record(Record{Key: room.offsetKey(g.id, topic, partition)})
						s.cut()
					}
				}
			}
		}
		if expired > 0 {
			s.event(Event{Kind: OffsetsExpired, Group: g.id, Count: expired})
		}
		if expired == g.offsets.size() && g.pending == nil && g.empty() && g.idle() {
			m.deleteEmpty(s, g)
			s.cut()
		}
	}
	if len(m.marks) > 0 {
		m.apply(s)
		m.sweepMarks(s)
	}
	if len(m.groups) > 0 {
		m.scheduleExpiry(s)
	}
}

// expiresSince tells from when on the retention of the group's offsets runs
// (noTime: from each one's commit), and whether it runs at all:
//
//   - nobody joined ever, only offsets were committed: from the commit; and so
//     in a consumer group, for topics that none of its members subscribes to;
//   - a consumer group without members: from when the last one went, or from the
//     commit if that is later (Kafka: from the commit, so that what is idle is lost
//     when a group is stopped and started again);
//   - all members are gone: from when the group became empty, if known;
//   - consumers are at work: from the commit, for topics that none consumes;
//   - otherwise it is unknown what is in use: never.
func (g *group) expiresSince() (int64, bool) {
	switch {
	case g.consumer != nil && !g.consumed() && g.consumer.recorded:
		return g.since, true
	case g.protocolType == "", g.consumer != nil:
		return noTime, true
	case g.state == stateEmpty:
		return g.since, true
	case g.state == stateStable && g.protocolType == consumerType && g.subscribed != nil:
		return noTime, true
	}
	return 0, false
}

// expired reports whether the offset may go; a client of old could set its time
// with the commit.
func (c committed) expired(s *step, since int64) bool {
	if c.expireTime != noTime {
		return s.wall() >= c.expireTime
	}
	if since == noTime {
		since = c.commitTime
	}
	return s.wall()-since >= s.config.OffsetsRetention.Milliseconds()
}
