package server

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// ResetRequest asks to move what a group without members has committed.
type ResetRequest struct {
	// To is earliest, latest, a time (2026-11-22T13:00:00Z, or 15m or 2d for so long
	// ago), an offset, or -N for N records before what is committed.
	To string `json:"to"`
	// Topics to reset, all their partitions. Null: all partitions for which the
	// group has committed an offset. A list of none is refused: who filled it
	// from something empty did not mean all.
	Topics []string `json:"topics"`
	// Offsets, by topic and partition, in place of To and Topics: those of a dry
	// run, so that what somebody was shown is what is done, however long that took.
	Offsets map[string]map[int32]int64 `json:"offsets,omitempty"`
	// DryRun only says what would be done.
	DryRun bool `json:"dryRun"`
}

// ResetPlan is what a reset does, or would do.
type ResetPlan struct {
	Group      string           `json:"group"`
	DryRun     bool             `json:"dryRun"`
	Partitions []ResetPartition `json:"partitions"` // by topic and number
}

// ResetPartition is what happens to one partition.
type ResetPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed *int64 `json:"committed"` // before; null: none
	To        *int64 `json:"to"`        // null: it stays as it is
	LogStart  int64  `json:"logStart"`
	End       int64  `json:"end"`
	// Again is how many records will be delivered once more, Skipped how many
	// never; offsets are counted, so in compacted topics there may be fewer. Of a
	// broadcast group they are the sums of its members, and Committed is the lowest.
	Again   int64 `json:"again"`
	Skipped int64 `json:"skipped"`
	// Bytes are those of the batches that hold what is delivered again, the first
	// and the last as a whole.
	Bytes int64  `json:"bytes"`
	Note  string `json:"note,omitempty"`
}

// move is what happens to the partition, of a rewind's plan too.
func (p ResetPartition) move() ResetPartition { return p }

// Moves reports whether anybody goes elsewhere: what stays as it is, or is there
// already, does not.
func (p *ResetPartition) Moves() bool {
	return p.To != nil && (p.Committed == nil || *p.Committed != *p.To || p.Again > 0 || p.Skipped > 0)
}

// Offsets are where the partitions of the plan go, for a request that does what
// the plan says. Those that stay are not among them.
func (p *ResetPlan) Offsets() map[string]map[int32]int64 {
	to := plannedOffsets{}
	for i := range p.Partitions {
		to.add(&p.Partitions[i])
	}
	return to
}

// fits refuses what is too much for one reset: all members of a broadcast group get
// each offset.
func (p *ResetPlan) fits(v *coordinator.GroupView) error {
	moved := 0
	for i := range p.Partitions {
		if p.Partitions[i].To != nil {
			moved++
		}
	}
	if moved*len(v.Cells) > coordinator.ResetMax {
		return refuseNow("%d partitions for %d members of broadcast group %s, also those that are away, are too many for one reset (%d at most): reset some topics at a time; nothing was changed",
			moved, len(v.Cells), words.Quoted(v.ID), coordinator.ResetMax)
	}
	return nil
}

// plannedOffsets are offsets by topic and partition.
type plannedOffsets map[string]map[int32]int64

func (o plannedOffsets) add(p *ResetPartition) {
	if p.To == nil {
		return
	}
	if o[p.Topic] == nil {
		o[p.Topic] = map[int32]int64{}
	}
	o[p.Topic][p.Partition] = *p.To
}

// planReset says what a request will do to a group; doing it takes the same plan.
// It ends early if nobody waits for it any more: looking for a time reads the log.
func (s *Server) planReset(ctx context.Context, v *coordinator.GroupView, req *ResetRequest) (*ResetPlan, error) {
	if req.Offsets != nil {
		return s.planOffsets(ctx, v, req)
	}
	find, single, err := parseReset(req.To, s.clock.Now())
	if err != nil {
		return nil, err
	}
	if len(v.Cells) > 0 && strings.HasPrefix(req.To, "-") {
		return nil, protocol.Errorf(protocol.InvalidRequest, "each member of group %s has offsets of its own (broadcast), so there is no one place to go back from: "+
			"reset them one by one, by their names in the list of groups", words.Quoted(v.ID))
	}
	if req.Topics != nil && len(req.Topics) == 0 {
		return nil, protocol.Errorf(protocol.InvalidRequest, "the list of topics is empty: leave topics out for all that the group has committed; nothing was changed")
	}
	if single && len(req.Topics) != 1 {
		return nil, protocol.Errorf(protocol.InvalidRequest, "an offset means another record in each topic: name the one topic to set to %s", req.To)
	}
	at, err := s.resetPlaces(v, req.Topics)
	if err != nil {
		return nil, err
	}
	plan := &ResetPlan{Group: v.ID, DryRun: req.DryRun, Partitions: make([]ResetPartition, 0, len(at.keys))}
	for _, key := range at.keys {
		if err := inTime(ctx); err != nil {
			return nil, err
		}
		p, err := s.planPartition(key, at, find)
		if err != nil {
			return nil, err
		}
		plan.Partitions = append(plan.Partitions, p)
	}
	return plan, nil
}

// planOffsets is planReset for offsets that were planned before.
func (s *Server) planOffsets(ctx context.Context, v *coordinator.GroupView, req *ResetRequest) (*ResetPlan, error) {
	if req.To != "" || req.Topics != nil {
		return nil, protocol.Errorf(protocol.InvalidRequest, "offsets say where to, for each partition: to and topics go without them")
	}
	at, err := s.resetPlaces(v, slices.Sorted(maps.Keys(req.Offsets)))
	if err != nil {
		return nil, err
	}
	plan := &ResetPlan{Group: v.ID, DryRun: req.DryRun, Partitions: []ResetPartition{}}
	named := 0
	for _, key := range at.keys {
		if err := inTime(ctx); err != nil {
			return nil, err
		}
		offset, ok := req.Offsets[key.topic][key.partition]
		if !ok {
			continue
		}
		if offset < 0 {
			return nil, protocol.Errorf(protocol.InvalidRequest, "an offset is not negative")
		}
		named++
		p, err := s.planPartition(key, at, func(*replication.Partition, replication.Offsets, *int64) (int64, string, error) {
			return offset, "", nil
		})
		if err != nil {
			return nil, err
		}
		plan.Partitions = append(plan.Partitions, p)
	}
	for topic, partitions := range req.Offsets {
		if named -= len(partitions); len(partitions) == 0 {
			return nil, protocol.Errorf(protocol.InvalidRequest, "no partition of topic %s is named", words.Quoted(topic))
		}
	}
	if named < 0 {
		return nil, protocol.Errorf(protocol.UnknownTopicOrPartition, "a partition that is named is not there; nothing was changed")
	}
	return plan, nil
}

// resetPlaces are the partitions that a reset is about, and what is committed.
type resetPlaces struct {
	keys      []partitionKey
	committed map[partitionKey]*int64 // of a broadcast group the lowest
	cells     *cellPlaces             // of a broadcast group only
}

func (s *Server) resetPlaces(v *coordinator.GroupView, topics []string) (*resetPlaces, error) {
	at := &resetPlaces{committed: map[partitionKey]*int64{}, cells: placesOfCells(v)}
	for key, p := range committedPlaces(v) {
		if p.Offset >= 0 {
			at.committed[key] = &p.Offset
		}
		if topics == nil {
			at.keys = append(at.keys, key)
		}
	}
	img := s.meta.Image()
	for _, name := range topics {
		t, ok := img.Topic(name)
		if !ok || t.Name == cluster.OffsetsTopic {
			return nil, protocol.Errorf(protocol.UnknownTopicOrPartition, "there is no topic %s to read; nothing was changed", words.Quoted(name))
		}
		for i := range t.Partitions {
			at.keys = append(at.keys, partitionKey{name, int32(i)})
		}
	}
	slices.SortFunc(at.keys, func(a, b partitionKey) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	at.keys = slices.Compact(at.keys)
	return at, nil
}

// committedPlaces goes through what a group has committed.
func committedPlaces(v *coordinator.GroupView) iter.Seq2[partitionKey, *coordinator.PartitionOffset] {
	return func(yield func(partitionKey, *coordinator.PartitionOffset) bool) {
		for i := range v.Offsets {
			for j := range v.Offsets[i].Partitions {
				p := &v.Offsets[i].Partitions[j]
				if !yield(partitionKey{v.Offsets[i].Topic, p.Partition}, p) {
					return
				}
			}
		}
	}
}

func (s *Server) planPartition(key partitionKey, at *resetPlaces, find resetTo) (ResetPartition, error) {
	committed := at.committed[key]
	p := ResetPartition{Topic: key.topic, Partition: key.partition, Committed: committed}
	part, gone := s.partitions.Find(key.topic, key.partition)
	if gone != nil {
		return p, gone
	}
	o := part.Offsets()
	p.LogStart, p.End = int64(o.LogStart), int64(o.HighWatermark)
	to, note, err := find(part, o, committed)
	p.Note = note
	switch {
	case err != nil:
		return p, err
	case to < 0:
		return p, nil
	case to < p.LogStart:
		p.Note = "record " + strconv.FormatInt(to, 10) + " is gone: the first one that is left"
		to = p.LogStart
	case to > p.End:
		p.Note = "there is no record " + strconv.FormatInt(to, 10) + " yet: the end"
		to = p.End
	}
	p.To = &to
	if at.cells != nil {
		return p, at.cells.plan(key, part, &p)
	}
	if committed != nil {
		err = p.moves(part, *committed, 1)
	}
	return p, err
}

// moves counts what it means that so many who were at an offset go elsewhere.
func (p *ResetPartition) moves(part *replication.Partition, from, times int64) error {
	again := max(min(from, p.End)-*p.To, 0)
	p.Again += times * again
	p.Skipped += times * max(*p.To-max(from, p.LogStart), 0)
	if again == 0 {
		return nil
	}
	between, gone := part.BacklogTo(model.Offset(*p.To), model.Offset(from))
	if gone != nil {
		return gone
	}
	p.Bytes += times * between.Bytes
	return nil
}
