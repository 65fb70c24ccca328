package coordinator

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// set reads partitions of topic a.
func set(list ...int32) partitions {
	return newPartitions(map[model.TopicID][]int32{{1}: list})
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	held := func(taken ...int32) func(model.TopicID, int32) bool {
		return func(_ model.TopicID, p int32) bool { return !slices.Contains(taken, p) }
	}
	anything := func(model.TopicID) bool { return true }
	nothing := func(model.TopicID) bool { return false }
	for name, c := range map[string]struct {
		cur  memberCurrent
		duty duty
		want memberCurrent
	}{
		"new member takes what is free": {
			memberCurrent{},
			duty{epoch: 5, target: set(0, 1), told: true, free: held()},
			memberCurrent{epoch: 5, assigned: set(0, 1)},
		},
		"new member waits for the rest": {
			memberCurrent{},
			duty{epoch: 5, target: set(0, 1), told: true, free: held(1)},
			memberCurrent{epoch: 5, state: memberUnreleased, assigned: set(0)},
		},
		"new member waits for all": {
			memberCurrent{},
			duty{epoch: 5, target: set(1), told: true, free: held(1)},
			memberCurrent{epoch: 5, state: memberUnreleased},
		},
		"stable and nothing new": {
			memberCurrent{epoch: 5, previous: 4, assigned: set(0)},
			duty{epoch: 5, target: set(0, 1), free: held()},
			memberCurrent{epoch: 5, previous: 4, assigned: set(0)},
		},
		"next epoch, same target": {
			memberCurrent{epoch: 5, previous: 4, assigned: set(0)},
			duty{epoch: 7, target: set(0), free: held()},
			memberCurrent{epoch: 7, previous: 5, assigned: set(0)},
		},
		"has to give up, says nothing": {
			memberCurrent{epoch: 5, previous: 4, assigned: set(0, 1)},
			duty{epoch: 6, target: set(0, 2), free: held()},
			memberCurrent{epoch: 5, previous: 4, state: memberUnrevoked, assigned: set(0), revoking: set(1)},
		},
		"has to give up, still owns": {
			memberCurrent{epoch: 5, previous: 4, assigned: set(0, 1)},
			duty{epoch: 6, target: set(0, 2), owned: set(1), told: true, free: held()},
			memberCurrent{epoch: 5, previous: 4, state: memberUnrevoked, assigned: set(0), revoking: set(1)},
		},
		"has given up before it was asked": {
			memberCurrent{epoch: 5, previous: 4, assigned: set(0, 1)},
			duty{epoch: 6, target: set(0, 2), owned: set(0), told: true, free: held()},
			memberCurrent{epoch: 6, previous: 5, assigned: set(0, 2)},
		},
		"unrevoked, says nothing": {
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0), revoking: set(1)},
			duty{epoch: 6, target: set(0, 2), free: held()},
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0), revoking: set(1)},
		},
		"unrevoked, owns one": {
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0), revoking: set(1, 3)},
			duty{epoch: 6, target: set(0, 2), owned: set(0, 3), told: true, free: held()},
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0), revoking: set(1, 3)},
		},
		"unrevoked, has given up": {
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0), revoking: set(1)},
			duty{epoch: 6, target: set(0, 2), owned: set(0), told: true, free: held()},
			memberCurrent{epoch: 6, previous: 5, assigned: set(0, 2)},
		},
		"unrevoked, has given up, gets it back by a newer target": {
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0), revoking: set(1)},
			duty{epoch: 8, target: set(0, 1), owned: set(0), told: true, free: held()},
			memberCurrent{epoch: 8, previous: 5, assigned: set(0, 1)},
		},
		"unrevoked, has given up, more to give up": {
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0, 3), revoking: set(1)},
			duty{epoch: 8, target: set(0), owned: set(0, 3), told: true, free: held()},
			memberCurrent{epoch: 5, state: memberUnrevoked, assigned: set(0), revoking: set(3)},
		},
		"unreleased, one comes free": {
			memberCurrent{epoch: 6, previous: 5, state: memberUnreleased, assigned: set(0)},
			duty{epoch: 6, target: set(0, 1, 2), free: held(2)},
			memberCurrent{epoch: 6, previous: 5, state: memberUnreleased, assigned: set(0, 1)},
		},
		"unreleased, the last comes free": {
			memberCurrent{epoch: 6, previous: 5, state: memberUnreleased, assigned: set(0, 1)},
			duty{epoch: 6, target: set(0, 1, 2), free: held()},
			memberCurrent{epoch: 6, previous: 5, assigned: set(0, 1, 2)},
		},
		"unreleased, a newer target takes away": {
			memberCurrent{epoch: 6, previous: 5, state: memberUnreleased, assigned: set(0)},
			duty{epoch: 7, target: set(3), free: held()},
			memberCurrent{epoch: 6, previous: 5, state: memberUnrevoked, revoking: set(0)},
		},
		"no longer subscribed": {
			memberCurrent{epoch: 6, previous: 5, assigned: set(0)},
			duty{epoch: 6, target: set(0), free: held(), subscribed: nothing},
			memberCurrent{epoch: 6, previous: 5, state: memberUnrevoked, revoking: set(0)},
		},
		"no longer subscribed while it gives up": {
			memberCurrent{epoch: 6, state: memberUnrevoked, assigned: set(0), revoking: set(1)},
			duty{epoch: 7, target: set(0), free: held(), subscribed: nothing},
			memberCurrent{epoch: 6, state: memberUnrevoked, revoking: set(0, 1)},
		},
		"unsubscribed and given up, in the same epoch": {
			memberCurrent{epoch: 6, previous: 5, state: memberUnrevoked, revoking: set(0)},
			duty{epoch: 6, target: set(0), told: true, free: held(), subscribed: nothing},
			memberCurrent{epoch: 6, previous: 5},
		},
		"a state of another release, nothing owned": {
			memberCurrent{epoch: 6, previous: 5, state: memberUnknown, assigned: set(0)},
			duty{epoch: 6, target: set(0, 1), told: true, free: held(1)},
			memberCurrent{epoch: 6, previous: 5, state: memberUnreleased, assigned: set(0)},
		},
	} {
		if c.duty.subscribed == nil {
			c.duty.subscribed = anything
		}
		if got := reconcile(c.cur, c.duty); !got.equal(&c.want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, c.want)
		}
	}
}

// TestReconcileNeverShares lets members with random targets that change go on
// step by step: nobody ever holds what another holds, everybody comes to its
// target in the end, and a step done twice is done once.
func TestReconcileNeverShares(t *testing.T) {
	t.Parallel()
	const count, all = 3, 6
	rapid.Check(t, func(rt *rapid.T) {
		members := make([]memberCurrent, count)
		owned := make([]partitions, count) // as the clients have it
		targets := make([]partitions, count)
		epoch := int32(0)
		step := func(i int, told bool) {
			d := duty{
				epoch: epoch, target: targets[i], owned: owned[i], told: told,
				subscribed: func(model.TopicID) bool { return true },
				free: func(topic model.TopicID, p int32) bool {
					for j := range members {
						if j != i && (members[j].assigned.has(topic, p) || members[j].revoking.has(topic, p)) {
							return false
						}
					}
					return true
				},
			}
			next := reconcile(members[i], d)
			if d.owned = nil; told {
				d.owned = owned[i].and(next.assigned)
			}
			if again := reconcile(next, d); !told && !again.equal(&next) {
				rt.Fatalf("%v, and again: %v", next, again)
			}
			members[i] = next
			for j := range members {
				for k := range j {
					if len(members[j].assigned.or(members[j].revoking).and(members[k].assigned.or(members[k].revoking))) > 0 {
						rt.Fatalf("shared: %v", members)
					}
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"retarget": func(rt *rapid.T) {
				epoch++
				for i := range targets {
					targets[i] = partitions{}
				}
				for p := range int32(all) {
					targets[rapid.IntRange(0, count-1).Draw(rt, "owner")].put(model.TopicID{1}, []int32{p})
				}
			},
			"silent": func(rt *rapid.T) { step(rapid.IntRange(0, count-1).Draw(rt, "who"), false) },
			"tells":  func(rt *rapid.T) { step(rapid.IntRange(0, count-1).Draw(rt, "who"), true) },
			"obeys": func(rt *rapid.T) {
				i := rapid.IntRange(0, count-1).Draw(rt, "who")
				owned[i] = members[i].assigned
			},
		})
		for range 2 * count { // gives up, takes
			for i := range members {
				owned[i] = members[i].assigned
				step(i, true)
			}
		}
		for i := range members {
			if members[i].state != memberStable || !members[i].assigned.equal(targets[i]) || members[i].epoch != epoch {
				rt.Fatalf("member %d of target %v ends as %v", i, targets[i], members[i])
			}
		}
	})
}
