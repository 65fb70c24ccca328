package groups

import (
	"cmp"
	"fmt"
	"slices"
)

// span is a time in which a member owned a partition.
type span struct {
	member    string
	partition int32
	from, to  int64 // to: 0 while it does
}

// spans are what a member owned and when. A process that was killed owned its
// partitions until then, one that leaves until it says so.
func (m *member) spans() []span {
	var done []span
	open := map[int32]int64{}
	shut := func(p int32, at int64) {
		if from, ok := open[p]; ok {
			done = append(done, span{m.name, p, from, at})
			delete(open, p)
		}
	}
	for _, e := range m.seen() {
		for _, p := range e.Partitions {
			switch e.Event {
			case assigned:
				if _, ok := open[p]; !ok {
					open[p] = e.At
				}
			case revoked, lost:
				shut(p, e.At)
			}
		}
		if e.Event == closing {
			for p := range open {
				shut(p, e.At)
			}
		}
	}
	m.mu.Lock()
	end := m.end
	m.mu.Unlock()
	for p := range open {
		shut(p, end)
	}
	return done
}

// overlap finds two members that owned a partition at the same time.
func overlap(members []*member) error {
	by := map[int32][]span{}
	for _, m := range members {
		for _, s := range m.spans() {
			by[s.partition] = append(by[s.partition], s)
		}
	}
	for p, spans := range by {
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		for i := range spans[:len(spans)-1] {
			before, after := spans[i], spans[i+1]
			if before.to == 0 || before.to > after.from {
				return fmt.Errorf("partition %d: member %s has had it since %.3f and gave it up at %.3f (0: never), member %s got it at %.3f",
					p, before.member, seconds(before.from), seconds(before.to), after.member, seconds(after.from))
			}
		}
	}
	return nil
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// oneGeneration finds two members that owned a partition in one generation, of those
// that know their generation. A static member that comes back is the same one.
func oneGeneration(members []*member) error {
	type place struct {
		generation int32
		partition  int32
	}
	owner := map[place]string{}
	for _, m := range members {
		has := map[int32]bool{}
		for _, e := range m.seen() {
			for _, p := range e.Partitions {
				switch e.Event {
				case assigned:
					has[p] = true
				case revoked, lost:
					delete(has, p)
				}
			}
			if e.Event != assigned || e.Generation < 0 {
				continue
			}
			for p := range has {
				at := place{e.Generation, p}
				if other, ok := owner[at]; ok && other != m.id {
					return fmt.Errorf("partition %d: members %s and %s have it in generation %d", p, other, m.name, e.Generation)
				}
				owner[at] = m.id
			}
		}
	}
	return nil
}

// checkOwners checks what every scenario of one group for all must keep to.
func (w *world) checkOwners() {
	w.t.Helper()
	for _, check := range []func() error{
		func() error { return overlap(w.members) },
		func() error { return oneGeneration(w.members) },
		func() error { return ahead(w.partitions, w.members) },
		func() error { return strayed(w.members) },
		func() error {
			if w.rewound {
				return nil
			}
			return forgotten(w.partitions, w.members)
		},
	} {
		if err := check(); err != nil {
			w.t.Error(err)
		}
	}
}
