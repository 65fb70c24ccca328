package server

import (
	"context"

	"github.com/mainstem-mq/mainstem/coordinator"
)

// rewound is the newest rewind of a group, with what an undo would do now.
func (s *Server) rewound(ctx context.Context, v *coordinator.GroupView) (*GroupRewind, error) {
	now, err := s.askRewind(ctx, func(reply func(coordinator.RewindStatus)) { s.groups.RewindStatus(v.ID, reply) })
	if err != nil {
		return nil, err
	}
	committed := map[partitionKey]int64{}
	for key, p := range committedPlaces(v) {
		committed[key] = p.Offset
	}
	if now.Phase != string(coordinator.RewindDone) || now.Undo {
		return now, nil
	}
	img := s.meta.Image()
	for i := range now.Partitions {
		p := &now.Partitions[i]
		t, ok := img.Topic(p.Topic)
		if !ok || t.ID != p.topic {
			continue // what was rewound is gone
		}
		if offset, ok := committed[partitionKey{p.Topic, p.Partition}]; ok {
			p.Committed = &offset
		}
		p.Undo = p.undone()
	}
	return now, nil
}

// undone is where an undo takes the partition, as the coordinator will find: what
// was skipped comes after all, what was rewound goes where it would be, or is further.
func (p *RewoundPlace) undone() *int64 {
	if p.Before == nil {
		return nil
	}
	to := *p.Before
	if p.Committed != nil && p.To <= to {
		to = max(to, *p.Committed)
	}
	return &to
}

// undoable refuses an undo after which each partition would be where it is: the
// members would rebalance for nothing.
func (r *GroupRewind) undoable() error {
	some := false
	for i := range r.Partitions {
		p := &r.Partitions[i]
		if p.Undo != nil && (p.Committed == nil || *p.Committed != *p.Undo) {
			return nil
		}
		some = some || p.Undo != nil
	}
	if !some {
		return nil // nothing to go back to, or an undo, or not done: the coordinator says so
	}
	return refuseNow("group %s has come to where it was before the rewind, or is further: nothing would move, so there is nothing to undo", Quoted(r.Group))
}

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
			place := RewoundPlace{Topic: t.Topic, Partition: p.Partition, To: p.Offset, topic: t.ID}
			if p.Before >= 0 {
				place.Before = &p.Before
			}
			places = append(places, place)
		}
	}
	return places
}
