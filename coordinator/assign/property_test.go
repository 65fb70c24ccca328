package assign

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Every partition that somebody subscribed to goes to one of those who did, and
// nothing else goes to anybody.
func TestEachPartitionOnce(t *testing.T) {
	for name, assignor := range assignors {
		t.Run(name, func(t *testing.T) {
			check(t, func(t *rapid.T) {
				spec := drawSpec(t, rapid.Bool().Draw(t, "equal"))
				checkOnce(t, spec, assignor(spec))
			})
		})
	}
}

func checkOnce(t *rapid.T, spec *Spec, result []map[model.TopicID][]int32) {
	if len(result) != len(spec.Members) {
		t.Fatalf("%d results for %d members", len(result), len(spec.Members))
	}
	given := map[model.TopicID]map[int32]int{}
	for m, got := range result {
		for id, partitions := range got {
			if !slices.Contains(spec.Members[m].Topics, id) {
				t.Fatalf("%s got %v, which it did not subscribe to", spec.Members[m].ID, id)
			}
			if len(partitions) == 0 || !slices.IsSorted(partitions) {
				t.Fatalf("%s got %v of a topic", spec.Members[m].ID, partitions)
			}
			for _, p := range partitions {
				if given[id] == nil {
					given[id] = map[int32]int{}
				}
				given[id][p]++
			}
		}
	}
	for _, topic := range spec.Topics {
		wanted := slices.ContainsFunc(spec.Members, func(m Member) bool { return slices.Contains(m.Topics, topic.ID) })
		for p := range topic.Partitions {
			if n := given[topic.ID][p]; (n == 1) != wanted {
				t.Fatalf("%s-%d was given %d times; subscribed: %t", topic.Name, p, n, wanted)
			}
			delete(given[topic.ID], p)
		}
		if len(given[topic.ID]) > 0 {
			t.Fatalf("%s has %d partitions, given were also %v", topic.Name, topic.Partitions, given[topic.ID])
		}
		delete(given, topic.ID)
	}
	if len(given) > 0 {
		t.Fatalf("topics that do not exist were given: %v", given)
	}
}

// The same input gives the same output, whatever the order of its maps, and is
// left as it was.
func TestNothingButTheSpecCounts(t *testing.T) {
	for name, assignor := range assignors {
		t.Run(name, func(t *testing.T) {
			check(t, func(t *rapid.T) {
				spec := drawSpec(t, rapid.Bool().Draw(t, "equal"))
				before := &Spec{Members: slices.Clone(spec.Members), Topics: slices.Clone(spec.Topics)}
				for i := range before.Members {
					m := &before.Members[i]
					m.Topics, m.Owned = slices.Clone(m.Topics), cloneOwned(m.Owned)
				}
				for i := range before.Topics {
					racks := slices.Clone(before.Topics[i].Racks)
					for p := range racks {
						racks[p] = slices.Clone(racks[p])
					}
					before.Topics[i].Racks = racks
				}
				result := assignor(spec)
				mustEqual(t, "the input changed", before, spec)
				mustEqual(t, "another result the second time", result, assignor(before))
			})
		})
	}
}

// With equal subscriptions the loads differ by at most one, the first of those
// who have the same number now get more, and not one more partition could have
// stayed where it was.
func TestUniformIsEvenAndSticky(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := rackless(drawSpec(t, true))
		if len(spec.Members) == 0 {
			return
		}
		result := Uniform(spec)
		got := loads(result)
		if slices.Max(got)-slices.Min(got) > 1 {
			t.Fatalf("loads %v", got)
		}
		// What the members have, with only what counts.
		p := newPlan(spec)
		p.owners()
		has := make([]int, len(spec.Members))
		for _, m := range p.owner {
			if m != nobody {
				has[m]++
			}
		}
		each, rest, stay := sum(got)/len(got), sum(got)%len(got), 0
		for _, n := range has {
			if stay += min(n, each); n > each && rest > 0 {
				stay, rest = stay+1, rest-1
			}
		}
		stayed := 0
		for at, m := range p.owner {
			topic := slices.IndexFunc(p.first, func(first int) bool { return first > at }) - 1
			if m != nobody && slices.Contains(result[m][spec.Topics[topic].ID], int32(at-p.first[topic])) {
				stayed++
			}
		}
		if stayed != stay {
			t.Fatalf("%d partitions stayed, %d could have; loads %v, owned %v", stayed, stay, got, has)
		}
	})
}

// With different subscriptions nobody can give a partition to somebody who has
// two fewer.
func TestUniformIsEvenWhereItCan(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := drawSpec(t, false)
		result := Uniform(spec)
		got := loads(result)
		for from := range result {
			for to := range result {
				for id := range result[from] {
					if got[from]-got[to] >= 2 && slices.Contains(spec.Members[to].Topics, id) {
						t.Fatalf("%s has %d, %s has %d and could have one more", spec.Members[from].ID, got[from], spec.Members[to].ID, got[to])
					}
				}
			}
		}
	})
}

// What is given and got adds up, also if one member has nearly all.
func TestLevelAddsUp(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := drawSpec(t, false)
		for i := range spec.Topics {
			topic := &spec.Topics[i]
			topic.Partitions *= 10
			if len(spec.Members) > 0 {
				spec.Members[0].Owned[topic.ID] = numbers(rapid.Int32Range(0, topic.Partitions).Draw(t, "owned"))
			}
		}
		p := newPlan(spec)
		if len(p.pools) == 0 {
			return
		}
		p.owners()
		p.countOwned()
		p.level()
		for i := range p.pools {
			size := 0
			for at, count := range p.pools[i].counts {
				if size += int(count); count < 0 {
					t.Fatalf("%s is to get %d", spec.Members[p.pools[i].members[at]].ID, count)
				}
			}
			if size != p.pools[i].size {
				t.Fatalf("%d are to be had of %d", size, p.pools[i].size)
			}
		}
	})
}

func numbers(n int32) (numbers []int32) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// Dealing again changes nothing, so an epoch in which nothing happened moves
// nothing.
func TestUniformIsStable(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := drawSpec(t, rapid.Bool().Draw(t, "equal"))
		first := Uniform(spec)
		mustEqual(t, "the second time", first, Uniform(dealt(spec, first)))
	})
}

// Who stays when another leaves loses nothing.
func TestUniformLeave(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := rackless(drawSpec(t, true))
		if len(spec.Members) < 2 {
			return
		}
		spec = dealt(spec, Uniform(spec))
		left := rapid.IntRange(0, len(spec.Members)-1).Draw(t, "leaves")
		spec.Members = slices.Delete(slices.Clone(spec.Members), left, left+1)
		if n := moved(spec, Uniform(spec)); n > 0 {
			t.Fatalf("%d partitions of others moved", n)
		}
	})
}

// Who joins gets its share, and that is all that moves.
func TestUniformJoin(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := rackless(drawSpec(t, true))
		if len(spec.Members) == 0 {
			return
		}
		spec = dealt(spec, Uniform(spec))
		newcomer := Member{ID: "m", Topics: spec.Members[0].Topics}
		at := rapid.IntRange(0, len(spec.Members)).Draw(t, "joins at")
		spec.Members = slices.Insert(slices.Clone(spec.Members), at, newcomer)
		result := Uniform(spec)
		got := loads(result)
		if n, share := moved(spec, result), sum(got)/len(got); n != got[at] || n != share {
			t.Fatalf("%d moved, the newcomer got %d; its share is %d", n, got[at], share)
		}
	})
}
