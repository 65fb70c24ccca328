package coordinator

import "sync/atomic"

// Metrics is a count of what the coordinator holds and has done.
type Metrics struct {
	GroupsByState map[string]int // by Kafka's name of the state
	Offsets       int            // committed offsets held
	Commits       uint64         // partition offsets accepted since the start
	ShardsLoaded  int
}

// Metrics reads the counts; it never waits for a shard.
func (g *Groups) Metrics() Metrics {
	total := Metrics{GroupsByState: make(map[string]int, stateCount)}
	for state := range stateCount {
		total.GroupsByState[state.String()] = 0
	}
	for _, sh := range g.shards {
		for state := range stateCount {
			total.GroupsByState[state.String()] += int(sh.stats.groups[state].Load())
		}
		total.Offsets += int(sh.stats.offsets.Load())
		total.Commits += sh.stats.commits.Load()
		if sh.stats.loaded.Load() {
			total.ShardsLoaded++
		}
	}
	return total
}

// stats is what a shard shows to others without being asked.
type stats struct {
	loaded  atomic.Bool
	groups  [stateCount]atomic.Int64
	offsets atomic.Int64
	commits atomic.Uint64
}

func (t *stats) publish(m *machine, s *step) {
	t.loaded.Store(true)
	for state := range t.groups {
		t.groups[state].Store(int64(m.states[state]))
	}
	t.offsets.Store(int64(m.offsetCount))
	t.commits.Add(uint64(s.commits))
}

func (t *stats) clear() {
	t.loaded.Store(false)
	for state := range t.groups {
		t.groups[state].Store(0)
	}
	t.offsets.Store(0)
}
