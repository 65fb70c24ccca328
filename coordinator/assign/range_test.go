package assign

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Of each topic every subscriber gets as many as any other, or one more if it
// is one of the first; without racks, in one stretch.
func TestRangeSizes(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := drawSpec(t, rapid.Bool().Draw(t, "equal"))
		local, plain := Range(spec), Range(rackless(spec))
		for _, topic := range spec.Topics {
			members := subscribersOf(spec, topic.ID)
			slices.SortStableFunc(members, func(a, b int) int { return compareNames(&spec.Members[a], &spec.Members[b]) })
			next := int32(0)
			for i, m := range members {
				size := topic.Partitions / int32(len(members))
				if int32(i) < topic.Partitions%int32(len(members)) {
					size++
				}
				if got := len(local[m][topic.ID]); got != int(size) {
					t.Fatalf("%s got %d of %s, want %d", spec.Members[m].ID, got, topic.Name, size)
				}
				for _, p := range plain[m][topic.ID] {
					if p != next {
						t.Fatalf("%s got %v of %s, want %d next", spec.Members[m].ID, plain[m][topic.ID], topic.Name, next)
					}
					next++
				}
			}
		}
	})
}

// Topics of equal size and equal subscribers are dealt alike, with and without
// racks.
func TestRangeKeepsRowsTogether(t *testing.T) {
	check(t, func(t *rapid.T) {
		spec := drawSpec(t, rapid.Bool().Draw(t, "equal"))
		result := Range(spec)
		for _, a := range spec.Topics {
			for _, b := range spec.Topics {
				if a.Partitions != b.Partitions || !slices.Equal(subscribersOf(spec, a.ID), subscribersOf(spec, b.ID)) {
					continue
				}
				for m := range result {
					if !slices.Equal(result[m][a.ID], result[m][b.ID]) {
						t.Fatalf("%s got %v of %s and %v of %s", spec.Members[m].ID, result[m][a.ID], a.Name, result[m][b.ID], b.Name)
					}
				}
			}
		}
	})
}

func subscribersOf(spec *Spec, id model.TopicID) (members []int) {
	for m := range spec.Members {
		if slices.Contains(spec.Members[m].Topics, id) {
			members = append(members, m)
		}
	}
	return members
}
