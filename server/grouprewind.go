package server

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
)

// RewindRequest asks to take a group to other offsets while it is at work.
type RewindRequest struct {
	// To is earliest, latest, a time (2026-11-22T13:00:00Z, or 15m or 2d for so long
	// ago), an offset, or -N for N records before what is committed.
	To string `json:"to"`
	// Topics to rewind. Null: all that the group has committed offsets for. A list
	// of none is refused, as with ResetRequest.
	Topics []string `json:"topics"`
	// Offsets in place of To and Topics, as with ResetRequest.
	Offsets map[string]map[int32]int64 `json:"offsets,omitempty"`
	// DryRun only says what would be done.
	DryRun bool `json:"dryRun"`
}

// SkipRequest asks to take a running group past records of one partition.
type SkipRequest struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    *int64 `json:"offset"` // the first to skip; null: where the group is stuck, what is committed or the first that is left
	Count     *int64 `json:"count"`  // null: one
	DryRun    bool   `json:"dryRun"`
}

// RewindPlan is what a rewind or skip does, or would do.
type RewindPlan struct {
	Group      string            `json:"group"`
	ID         string            `json:"id,omitempty"` // none: it was not started
	DryRun     bool              `json:"dryRun"`
	Type       string            `json:"type"`       // classic, consumer: there members keep what does not move
	Members    int               `json:"members"`    // that will rebalance twice
	Partitions []RewindPartition `json:"partitions"` // by topic and number
}

// RewindPartition is what happens to one partition.
type RewindPartition struct {
	ResetPartition

	topic model.TopicID
}

// planRewind says what a request will do to a group; doing it takes the same plan.
func (s *Server) planRewind(ctx context.Context, v *coordinator.GroupView, req *RewindRequest) (*RewindPlan, error) {
	if err := rewindable(v); err != nil {
		return nil, err
	}
	reset, err := s.planReset(ctx, v, &ResetRequest{To: req.To, Topics: req.Topics, Offsets: req.Offsets, DryRun: req.DryRun})
	if err != nil {
		return nil, err
	}
	plan := newRewindPlan(v, req.DryRun)
	for _, p := range reset.Partitions {
		if p.Committed == nil && p.To != nil {
			p.To, p.Note = nil, "nothing is committed, so it stays as it is"
		}
		plan.Partitions = append(plan.Partitions, s.rewound(p))
	}
	plan.stays(v)
	return plan, nil
}

// planSkip is planRewind for records that are to be passed over. A group goes on
// at one offset, so that of a record which is not the next one would take others
// along: that must be asked for.
func (s *Server) planSkip(v *coordinator.GroupView, req *SkipRequest) (*RewindPlan, error) {
	if err := rewindable(v); err != nil {
		return nil, err
	}
	places, err := s.resetPlaces(v, []string{req.Topic})
	if err != nil {
		return nil, err
	}
	key := partitionKey{req.Topic, req.Partition}
	if !slices.Contains(places.keys, key) {
		return nil, protocol.Errorf(protocol.UnknownTopicOrPartition, "topic %s has no partition %d; nothing was changed", words.Quoted(req.Topic), req.Partition)
	}
	at, count := places.committed[key], int64(1)
	if req.Count != nil {
		count = *req.Count
	}
	from := at
	switch {
	case req.Offset != nil:
		from = req.Offset
	case at != nil: // if that one is gone, it is stuck at the first that is left
		next := max(*at, LogStart(s.partitions, key.topic, key.partition))
		from = &next
	}
	switch {
	case from == nil:
		return nil, refuseNow("group %s has committed nothing for %s-%d: say which record to skip, by its offset",
			words.Quoted(v.ID), words.Quoted(req.Topic), req.Partition)
	case count == 0:
		return nil, protocol.Errorf(protocol.InvalidRequest, "a count of 0 skips nothing")
	case *from < 0 || count < 0:
		return nil, protocol.Errorf(protocol.InvalidRequest, "an offset and a number of records are not negative")
	case *from > math.MaxInt64-count:
		return nil, protocol.Errorf(protocol.InvalidRequest, "there are not so many records: %d from offset %d on", count, *from)
	}
	find, _, err := parseReset(strconv.FormatInt(*from+count, 10), s.clock.Now())
	if err != nil {
		return nil, err
	}
	p, err := s.planPartition(key, places, find)
	if err != nil {
		return nil, err
	}
	if err := skippable(v, &p, *from, count); err != nil {
		return nil, err
	}
	if err := s.onlyMarkers(v, key, *from, count); err != nil {
		return nil, err
	}
	plan := newRewindPlan(v, req.DryRun)
	plan.Partitions = append(plan.Partitions, s.rewound(p))
	return plan, nil
}

// onlyMarkers refuses to skip what no member is ever given.
func (s *Server) onlyMarkers(v *coordinator.GroupView, key partitionKey, from, count int64) error {
	part, gone := s.partitions.Find(key.topic, key.partition)
	if gone != nil {
		return gone
	}
	between, gone := part.BacklogTo(model.Offset(from), model.Offset(from+count))
	switch {
	case gone != nil:
		return gone
	case !between.Markers:
		return nil
	}
	name := words.Quoted(key.topic) + "-" + strconv.Itoa(int(key.partition))
	return refuseNow("from offset %d of %s on there is nothing to skip among the next %d: only markers, which end transactions and which no member of group %s is given. "+
		"A record behind them is skipped by its own offset", from, name, count, words.Quoted(v.ID))
}

// skippable refuses to skip count records from an offset on if there are none, or
// if others would go with them.
func skippable(v *coordinator.GroupView, p *ResetPartition, from, count int64) error {
	name := words.Quoted(p.Topic) + "-" + strconv.Itoa(int(p.Partition))
	if from >= p.End {
		return refuseNow("there is no record %d of %s yet, so there is nothing to skip: it ends before %d", from, name, p.End)
	}
	if p.Committed == nil {
		return nil
	}
	if at := *p.Committed; from+count <= at {
		return refuseNow("group %s is past record %d of %s already: it has committed %d", words.Quoted(v.ID), from+count-1, name, at)
	}
	if next := max(*p.Committed, p.LogStart); from > next {
		return refuseNow("group %s has %s of %s to read before record %d, and would never get them: "+
			"if they are to be skipped as well, say so with the offset %d and a count of %d",
			words.Quoted(v.ID), words.Counted(int(from-next), "record", "records"), name, from, next, from-next+count)
	}
	return nil
}

// refuseNow is an error of where the group is.
func refuseNow(format string, args ...any) error {
	return notNow{protocol.Errorf(protocol.InvalidRequest, format, args...)}
}

func newRewindPlan(v *coordinator.GroupView, dryRun bool) *RewindPlan {
	return &RewindPlan{Group: v.ID, Type: v.Kind, DryRun: dryRun, Members: len(v.Members), Partitions: []RewindPartition{}}
}

// rewindable refuses groups that the coordinator would refuse, so that a dry run
// tells of it.
func rewindable(v *coordinator.GroupView) error {
	switch {
	case len(v.Cells) > 0:
		return protocol.Errorf(protocol.InconsistentGroupProtocol,
			"each member of group %s has all partitions and offsets of its own (broadcast): rewind them one by one, by their names in the list of groups", words.Quoted(v.ID))
	case v.Kind == "classic" && len(v.Members) > 0 && v.ProtocolType != "consumer":
		return protocol.Errorf(protocol.InconsistentGroupProtocol,
			"the members of group %s speak %s, not the consumers' protocol: what they do with committed offsets is not known", words.Quoted(v.ID), words.Quoted(v.ProtocolType))
	}
	return nil
}

// rewound is what happens to a partition, with the topic by which it is known.
func (s *Server) rewound(p ResetPartition) RewindPartition {
	x := RewindPartition{ResetPartition: p}
	if t, ok := s.meta.Image().Topic(p.Topic); ok {
		x.topic = t.ID
	}
	return x
}

// Offsets are where the partitions of the plan go, for a request that does what
// the plan says. Those that stay are not among them.
func (p *RewindPlan) Offsets() map[string]map[int32]int64 {
	to := plannedOffsets{}
	for i := range p.Partitions {
		to.add(&p.Partitions[i].ResetPartition)
	}
	return to
}

// marks are a plan as the coordinator takes it.
func (p *RewindPlan) marks() []coordinator.TopicMarks {
	var marks []coordinator.TopicMarks
	for i := range p.Partitions {
		x := &p.Partitions[i]
		if x.To == nil {
			continue
		}
		if n := len(marks); n == 0 || marks[n-1].Topic != x.Topic {
			marks = append(marks, coordinator.TopicMarks{Topic: x.Topic, ID: x.topic})
		}
		t := &marks[len(marks)-1]
		t.Partitions = append(t.Partitions, coordinator.PartitionMark{Partition: x.Partition, Offset: *x.To})
	}
	return marks
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
