package assign

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Racks say which partitions a member gets, not how many; and what is known of
// them never does harm.
func TestRacksOnlyHelp(t *testing.T) {
	for name, assignor := range assignors {
		t.Run(name, func(t *testing.T) {
			check(t, func(t *rapid.T) {
				spec := drawSpec(t, rapid.Bool().Draw(t, "equal"))
				plain, local := assignor(rackless(spec)), assignor(spec)
				mustEqual(t, "racks changed how many members get", loads(plain), loads(local))
				if near(spec, local) < near(spec, plain) {
					t.Fatalf("%d near; %d if racks are unknown", near(spec, local), near(spec, plain))
				}
			})
		})
	}
}

// With equal subscriptions not one more partition could be near its member, as
// long as each member gets as many as it does.
func TestUniformNearestIsBest(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := drawSpec(t, true)
		result := Uniform(spec)
		if got, best := near(spec, result), mostNear(spec, result); got != best {
			t.Fatalf("%d near, %d could be", got, best)
		}
	})
}

// mostNear is the most partitions that can be near their members if all get as
// many as in a result: each such share is a seat, and a partition that finds
// all its seats taken asks those who sit there to find another (Kuhn).
func mostNear(spec *Spec, result []map[model.TopicID][]int32) (count int) {
	type partition struct {
		topic Topic
		index int32
	}
	var seats []string // racks
	var partitions []partition
	for m, n := range loads(result) {
		seats = append(seats, slices.Repeat([]string{spec.Members[m].Rack}, n)...)
	}
	for _, topic := range spec.Topics {
		if len(spec.Members) > 0 && slices.Contains(spec.Members[0].Topics, topic.ID) {
			for p := range topic.Partitions {
				partitions = append(partitions, partition{topic, p})
			}
		}
	}
	sits := slices.Repeat([]int{-1}, len(seats))
	var asked []bool
	var seat func(p int) bool
	seat = func(p int) bool {
		for s, rack := range seats {
			if asked[s] || !isNear(rack, partitions[p].topic, partitions[p].index) {
				continue
			}
			asked[s] = true
			if sits[s] < 0 || seat(sits[s]) {
				sits[s] = p
				return true
			}
		}
		return false
	}
	for p := range partitions {
		asked = make([]bool, len(seats))
		if seat(p) {
			count++
		}
	}
	return count
}
