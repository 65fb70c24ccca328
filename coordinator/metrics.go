package coordinator

import "sync/atomic"

// Metrics is a count of what the coordinator holds and has done.
type Metrics struct {
	Groups       map[GroupClass]int  // every class that there is, with its number
	Cells        int                 // groups of single members of broadcast groups, as counted above
	Offsets      int                 // committed offsets held
	Commits      uint64              // partition offsets accepted since the start
	Rebalances   uint64              // generations formed, and epochs that all members came to, since the start
	Expired      uint64              // offsets that went as their retention was over
	Rewinds      map[RewindPhase]int // of groups: under way, or done and can be undone yet
	Ignored      uint64              // commits of before a rewind, answered and forgotten
	ShardsLoaded int
}

// GroupClass is what a group is, by Kafka's names.
type GroupClass struct{ Type, State string }

// Metrics reads the counts; it never waits for a shard.
func (g *Groups) Metrics() Metrics {
	total := Metrics{Groups: map[GroupClass]int{}}
	var groups census
	var emptying, done int64
	for i := range g.stats {
		stats := &g.stats[i]
		for kind := range groups {
			for state := range groups[kind] {
				groups[kind][state] += int(stats.groups[kind][state].Load())
			}
		}
		emptying += stats.emptying.Load()
		done += stats.rewound.Load()
		total.Cells += int(stats.cells.Load())
		total.Offsets += int(stats.offsets.Load())
		total.Commits += stats.commits.Load()
		total.Rebalances += stats.rebalances.Load()
		total.Expired += stats.expired.Load()
		total.Ignored += stats.ignored.Load()
		if stats.loaded.Load() {
			total.ShardsLoaded++
		}
	}
	total.Rewinds = map[RewindPhase]int{RewindEmptying: int(emptying), RewindDone: int(done)}
	for kind := range groups {
		for state, n := range groups[kind] {
			class := standing{groupKind(kind), int8(state)}
			total.Groups[GroupClass{class.kind.String(), class.stateName()}] = n
		}
	}
	return total
}

// stats is what a shard shows to others without being asked.
type stats struct {
	loaded     atomic.Bool
	groups     [kindCount][len(census{}[0])]atomic.Int64
	cells      atomic.Int64
	offsets    atomic.Int64
	commits    atomic.Uint64
	rebalances atomic.Uint64
	expired    atomic.Uint64
	ignored    atomic.Uint64
	emptying   atomic.Int64 // groups that are being rewound
	rewound    atomic.Int64 // groups that were, and it can be undone yet
}

func (t *stats) publish(m *machine, s *step) {
	t.loaded.Store(true)
	for kind := range t.groups {
		for state := range t.groups[kind] {
			t.groups[kind][state].Store(int64(m.census[kind][state]))
		}
	}
	t.emptying.Store(int64(m.rewinds[rewindEmptying]))
	t.rewound.Store(int64(m.rewinds[rewindDone]))
	t.cells.Store(int64(m.cells))
	t.offsets.Store(int64(m.offsetCount))
	t.commits.Add(uint64(s.commits))
	t.ignored.Add(uint64(s.ignored))
	t.rebalances.Add(uint64(s.settled))
	for i := range s.events {
		if e := &s.events[i]; e.Kind == GenerationFormed {
			t.rebalances.Add(1)
		} else if e.Kind == OffsetsExpired {
			t.expired.Add(uint64(e.Count))
		}
	}
}

func (t *stats) clear() {
	t.loaded.Store(false)
	for kind := range t.groups {
		for state := range t.groups[kind] {
			t.groups[kind][state].Store(0)
		}
	}
	t.emptying.Store(0)
	t.rewound.Store(0)
	t.cells.Store(0)
	t.offsets.Store(0)
}
