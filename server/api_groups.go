package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// rateMax bounds for how long a request may watch a group.
const rateMax = time.Minute

// listedPartitionsMax bounds the partitions whose bytes and seconds one list of
// groups looks up, in order of names; of groups that do not fit there are records
// alone.
const listedPartitionsMax = 10_000

// apiListGroups answers GET /api/v1/groups?state=&type=, each a list with commas.
func (s *Server) apiListGroups(w http.ResponseWriter, r *http.Request) {
	states, err := listed("state", r.URL.Query().Get("state"), groupStates())
	var types []string
	if err == nil {
		types, err = listed("type", r.URL.Query().Get("type"), groupTypes())
	}
	var views []coordinator.GroupView
	if err == nil {
		views, err = s.looks.all(r.Context())
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	views = slices.DeleteFunc(slices.Clone(views), func(v coordinator.GroupView) bool {
		return !slices.Contains(states, v.State) || !slices.Contains(types, v.Kind)
	})
	list, err := s.summaries(r.Context(), views, listedPartitionsMax)
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, GroupList{Groups: list})
}

// summaries shows groups in short, for as long as somebody waits for it. So many
// partitions are looked up in the log; groups that do not fit into that are not.
func (s *Server) summaries(ctx context.Context, views []coordinator.GroupView, most int) ([]GroupSummary, error) {
	partitions, ends, out := 0, s.newEnds(), make([]GroupSummary, 0, len(views))
	for i := range views {
		if ctx.Err() != nil {
			return nil, errAskerGone()
		}
		shown := summarize(&views[i], nil)
		if partitions+shown.Partitions <= most {
			partitions += shown.Partitions
			shown = summarize(&views[i], s.measure(&views[i]))
		} else {
			shown.Lag = ends.lag(&views[i])
		}
		out = append(out, shown)
	}
	return out, nil
}

// apiDescribeGroup answers GET /api/v1/groups/{group}?rate=SPAN&topics=&lagging=. With
// a rate it takes that long.
func (s *Server) apiDescribeGroup(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	over, err := rateOf(query.Get("rate"))
	var filter groupFilter
	if err == nil {
		filter, err = groupFilterOf(query)
	}
	var d *GroupDetail
	switch {
	case err != nil:
	case over > 0:
		d, err = s.rated(r.Context(), r.PathValue("group"), over)
	default:
		d, err = s.described(r.Context(), r.PathValue("group"))
	}
	if err == nil {
		err = filter.apply(d)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, d)
}

// described is one group as it is now.
func (s *Server) described(ctx context.Context, id string) (*GroupDetail, error) {
	v, rewind, err := s.inspectRewound(ctx, id)
	if err != nil {
		return nil, err
	}
	d := s.describe(v, s.measure(v))
	d.Rewind = rewind
	return &d, nil
}

func rateOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 100*time.Millisecond || d > rateMax {
		return 0, protocol.Errorf(protocol.InvalidRequest, "rate=%s is not a time from 100ms to 1m, such as 2s", text)
	}
	return d, nil
}

// apiWhyGroup answers GET /api/v1/groups/{group}/why.
func (s *Server) apiWhyGroup(w http.ResponseWriter, r *http.Request) {
	v, rewind, err := s.inspectRewound(r.Context(), r.PathValue("group"))
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	img := s.meta.Image()
	f := groupFacts{
		rewind: &rewind, partitions: s.measureMembers(v, stuckAfter), partitionsOf: partitionCounts(img),
		retention: s.configs.Duration(img, "offsets.retention.minutes", time.Minute), now: s.clock.Now(),
	}
	s.findBarren(f.partitions)
	if len(v.Pending) > 0 {
		if f.open, err = s.openByProducer(r.Context()); err != nil {
			s.apiFailed(w, err)
			return
		}
	}
	s.apiAnswer(w, http.StatusOK, explain(v, &f))
}

// findBarren looks at partitions that may be stuck before an open transaction: whether
// there is anything in between for who reads committed records.
func (s *Server) findBarren(partitions []GroupPartition) {
	for i := range partitions {
		p := &partitions[i]
		if p.LastStable == nil || p.Lag == nil || p.Lag.Seconds < stuckAfter.Seconds() || *p.Committed >= *p.LastStable {
			continue
		}
		if part, err := s.partitions.Find(p.Topic, p.Partition); err == nil {
			p.barren, _ = part.Barren(model.Offset(*p.Committed), model.Offset(*p.LastStable)) // what cannot be read is told by others
		}
	}
}
