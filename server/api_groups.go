package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// rateMax bounds for how long a request may watch a group.
const rateMax = time.Minute

// apiListGroups answers GET /api/v1/groups?state=&type=, both a list with commas.
func (s *Server) apiListGroups(w http.ResponseWriter, r *http.Request) {
	views, err := s.inspect(r.Context(), nil)
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	states, types := r.URL.Query().Get("state"), r.URL.Query().Get("type")
	list := GroupList{Groups: make([]GroupSummary, 0, len(views))}
	for i := range views {
		v := &views[i]
		if wants(states, v.State) && wants(types, v.Kind) {
			list.Groups = append(list.Groups, summarize(v, s.measure(v)))
		}
	}
	s.apiAnswer(w, http.StatusOK, list)
}

// wants reports whether a list with commas names a value; none names all.
func wants(list, value string) bool {
	if list == "" {
		return true
	}
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(item), value) {
			return true
		}
	}
	return false
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
