package server

import "github.com/mainstem-mq/mainstem/coordinator"

// stays turns the plan of a group into one that moves nothing, if each partition
// is where it would go: its members need not rebalance. With a rewind that is not
// done it is said anew where they go.
func (p *RewindPlan) stays(v *coordinator.GroupView) {
	for i := range p.Partitions {
		if x := &p.Partitions[i]; v.Rewind == coordinator.RewindEmptying || x.To != nil && *x.To != *x.Committed {
			return
		}
	}
	for i := range p.Partitions {
		if x := &p.Partitions[i]; x.To != nil {
			x.To, x.Note = nil, "it is there already"
		}
	}
}

// rewoundPlaces are the marks of a rewind.
func rewoundPlaces(marks []coordinator.TopicMarks) []RewoundPlace {
	places := []RewoundPlace{}
	for _, t := range marks {
		for _, p := range t.Partitions {
			places = append(places, RewoundPlace{
				Topic: t.Topic, Partition: p.Partition, To: p.Offset,
				Before: offsetOrNone(p.Before), Committed: offsetOrNone(p.Committed), Undo: offsetOrNone(p.Undo),
			})
		}
	}
	return places
}

// offsetOrNone is an offset as it is shown: the coordinator's -1 is null.
func offsetOrNone(offset int64) *int64 {
	if offset < 0 {
		return nil
	}
	return &offset
}
