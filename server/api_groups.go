package server

import (
	"net/http"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/protocol"
)

// rateMax bounds for how long a request may watch a group.
const rateMax = time.Minute

// apiListGroups answers GET /api/v1/groups?state=&type=, each a list with commas.
func (s *Server) apiListGroups(w http.ResponseWriter, r *http.Request) {
	states, err := listed("state", r.URL.Query().Get("state"), groupStates())
	var types []string
	if err == nil {
		types, err = listed("type", r.URL.Query().Get("type"), groupTypes())
	}
	var views []coordinator.GroupView
	if err == nil {
		views, err = s.inspect(r.Context(), nil)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	list := GroupList{Groups: make([]GroupSummary, 0, len(views))}
	for i := range views {
		v := &views[i]
		if slices.Contains(states, v.State) && slices.Contains(types, v.Kind) {
			list.Groups = append(list.Groups, summarize(v, s.measure(v)))
		}
	}
	s.apiAnswer(w, http.StatusOK, list)
}

// apiDescribeGroup answers GET /api/v1/groups/{group}?rate=SPAN. With a rate it
// takes that long.
func (s *Server) apiDescribeGroup(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("group")
	over, err := rateOf(r.URL.Query().Get("rate"))
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	if over > 0 {
		d, err := s.rated(r.Context(), id, over)
		if err != nil {
			s.apiFailed(w, err)
			return
		}
		s.apiAnswer(w, http.StatusOK, d)
		return
	}
	v, rewind, err := s.inspectRewound(r.Context(), id)
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	d := s.describe(v, s.measure(v))
	d.Rewind = rewind
	s.apiAnswer(w, http.StatusOK, d)
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
	retention := s.configs.Duration(img, "offsets.retention.minutes", time.Minute)
	s.apiAnswer(w, http.StatusOK, explain(v, &rewind, s.measureMembers(v, stuckAfter), partitionCounts(img), retention, s.clock.Now()))
}
