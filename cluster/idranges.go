package cluster

import (
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// idRange is the partition ids From..To, both included.
type idRange struct{ From, To model.PartitionID }

// idRanges is a set of partition ids: ascending, disjoint, never touching.
// The ids of all topics that ever were deleted must stay known for ever; they
// were given in one piece and mostly go in one piece, so ranges keep it small.
type idRanges []idRange

// contains reports whether id is in the set.
func (r idRanges) contains(id model.PartitionID) bool {
	i, _ := slices.BinarySearchFunc(r, id, func(e idRange, id model.PartitionID) int {
		if e.To < id {
			return -1
		}
		return 1
	})
	return i < len(r) && r[i].From <= id
}

// with returns the set with add in it. The receiver's memory is used: whoever
// does not own it clones it first.
func (r idRanges) with(add idRange) idRanges {
	i, _ := slices.BinarySearchFunc(r, add.From, func(e idRange, from model.PartitionID) int {
		if e.To+1 < from { // e ends before add and does not touch it
			return -1
		}
		return 1
	})
	j := i
	for j < len(r) && r[j].From <= add.To+1 {
		add.From = min(add.From, r[j].From)
		add.To = max(add.To, r[j].To)
		j++
	}
	return slices.Replace(r, i, j, add)
}
