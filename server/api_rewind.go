package server

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/protocol"
)

// GroupRewind is the newest rewind of a group.
type GroupRewind struct {
	Group      string         `json:"group"`
	ID         string         `json:"id,omitempty"`
	Phase      string         `json:"phase"` // none, emptying, done
	Undo       bool           `json:"undo"`  // it took another one back
	Started    time.Time      `json:"started,omitzero"`
	Ended      time.Time      `json:"ended,omitzero"`
	UndoUntil  time.Time      `json:"undoUntil,omitzero"` // not there: it cannot be undone
	Ignored    int            `json:"ignored"`            // commits of before, since the group was loaded
	Partitions []RewoundPlace `json:"partitions"`
}

// RewoundPlace is where a partition was and where it goes.
type RewoundPlace struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Before    *int64 `json:"before"` // null: nothing was committed
	To        int64  `json:"to"`
	// Of what can be undone only: what is committed now, and where an undo takes it;
	// not there: nothing is committed, and it stays.
	Committed *int64 `json:"committed,omitempty"`
	Undo      *int64 `json:"undo,omitempty"`
}

// apiRewindGroup answers POST /api/v1/groups/{group}/rewind.
func (s *Server) apiRewindGroup(w http.ResponseWriter, r *http.Request) {
	var req RewindRequest
	s.apiRewind(w, r, apiOffsetsMax, &req, func(v *coordinator.GroupView) (*RewindPlan, error) { return s.planRewind(r.Context(), v, &req) })
}

// apiSkip answers POST /api/v1/groups/{group}/skip.
func (s *Server) apiSkip(w http.ResponseWriter, r *http.Request) {
	var req SkipRequest
	s.apiRewind(w, r, apiBodyMax, &req, func(v *coordinator.GroupView) (*RewindPlan, error) { return s.planSkip(v, &req) })
}

// apiRewind plans, and does it unless it is a dry run: then the answer is 202
// until the members have rebalanced.
func (s *Server) apiRewind(
	w http.ResponseWriter, r *http.Request, most int64, req any, planned func(*coordinator.GroupView) (*RewindPlan, error),
) {
	err := apiBody(r, most, req)
	var v *coordinator.GroupView
	if err == nil {
		v, err = s.inspectOne(r.Context(), r.PathValue("group"))
	}
	var plan *RewindPlan
	if err == nil {
		plan, err = planned(v)
	}
	status := http.StatusOK
	if err == nil && !plan.DryRun {
		err = inTime(r.Context())
	}
	if err == nil && !plan.DryRun {
		status, err = s.rewind(r.Context(), plan)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, status, plan)
}

// rewind does what was planned.
func (s *Server) rewind(ctx context.Context, plan *RewindPlan) (status int, err error) {
	marks := plan.marks()
	if len(marks) == 0 {
		return http.StatusOK, nil
	}
	req := coordinator.RewindRequest{Group: plan.Group, ID: s.rewindID(), Marks: marks}
	done, err := s.askRewind(ctx, func(reply func(coordinator.RewindStatus)) { s.groups.Rewind(req, reply) })
	if err != nil {
		return 0, maybeDone(err)
	}
	plan.ID = done.ID
	s.log.Info("a group is rewound", zap.String("group", plan.Group), zap.String("rewind", plan.ID), zap.Int("partitions", len(plan.Partitions)),
		zap.String("moves", movesText(plan.Partitions)))
	return rewindStatus(done), nil
}

func rewindStatus(r *GroupRewind) int {
	if r.Phase == string(coordinator.RewindEmptying) {
		return http.StatusAccepted
	}
	return http.StatusOK
}

// rewindID is the time: a group has one rewind at a time.
func (s *Server) rewindID() string { return s.clock.Now().UTC().Format("20060102T150405.000000Z") }

// apiRewound answers GET /api/v1/groups/{group}/rewind.
func (s *Server) apiRewound(w http.ResponseWriter, r *http.Request) {
	v, err := s.inspectOne(r.Context(), r.PathValue("group"))
	var now *GroupRewind
	if err == nil {
		now, err = s.askRewind(r.Context(), func(reply func(coordinator.RewindStatus)) { s.groups.RewindStatus(v.ID, reply) })
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, now)
}

// UndoRequest asks to take a rewind back.
type UndoRequest struct {
	ID string `json:"id"` // "": the newest
	// DryRun only says what would be done: the answer is the rewind that would be
	// taken back, with where each partition would go.
	DryRun bool `json:"dryRun"`
}

// apiUndoRewind answers POST /api/v1/groups/{group}/rewind/undo with the rewind
// that takes the other one back, or with none if that was called off.
func (s *Server) apiUndoRewind(w http.ResponseWriter, r *http.Request) {
	var req UndoRequest
	err := apiBody(r, apiBodyMax, &req)
	var v *coordinator.GroupView
	if err == nil {
		v, err = s.inspectOne(r.Context(), r.PathValue("group"))
	}
	var now *GroupRewind
	if err == nil && req.DryRun {
		now, err = s.askRewind(r.Context(), func(reply func(coordinator.RewindStatus)) { s.groups.PlanUndo(v.ID, req.ID, reply) })
	}
	if err == nil && !req.DryRun {
		now, err = s.askRewind(r.Context(), func(reply func(coordinator.RewindStatus)) {
			s.groups.UndoRewind(v.ID, req.ID, s.rewindID(), reply)
		})
		err = maybeDone(err)
	}
	switch {
	case err != nil:
		s.apiFailed(w, err)
		return
	case req.DryRun:
		s.apiAnswer(w, http.StatusOK, now)
		return
	}
	if now.ID == "" {
		s.log.Info("a rewind is called off", zap.String("group", v.ID))
	} else {
		s.log.Info("a rewind is undone", zap.String("group", v.ID), zap.String("rewind", now.ID))
	}
	s.apiAnswer(w, rewindStatus(now), now)
}

// inspectRewound is inspectOne with the newest rewind of the group; zero: none.
func (s *Server) inspectRewound(ctx context.Context, id string) (v *coordinator.GroupView, rewind RewindInShort, err error) {
	if v, err = s.inspectOne(ctx, id); err != nil || len(v.Cells) > 0 {
		return v, rewind, err // each member of a broadcast group has its own
	}
	r, err := s.askRewind(ctx, func(reply func(coordinator.RewindStatus)) { s.groups.RewindStatus(v.ID, reply) })
	if err == nil && r.ID != "" {
		rewind = RewindInShort{ID: r.ID, Phase: r.Phase, Started: utc(r.Started), UndoUntil: utc(r.UndoUntil)}
	}
	return v, rewind, err
}

func (s *Server) askRewind(ctx context.Context, ask func(func(coordinator.RewindStatus))) (*GroupRewind, error) {
	from, err := await(ctx, s, ask)
	if err != nil {
		return nil, err
	}
	if from.Code == protocol.InvalidRequest {
		return nil, refuseNow("%s", from.Message) // what was asked for is right: it was planned here
	}
	if from.Code != protocol.NoError {
		return nil, protocol.Errorf(from.Code, "%s", from.Message)
	}
	to := &GroupRewind{
		Group: from.Group, ID: from.ID, Phase: string(from.Phase), Undo: from.Undoes, Started: from.Started.UTC(), Ended: from.Ended.UTC(),
		UndoUntil: from.Until.UTC(), Ignored: from.Ignored, Partitions: rewoundPlaces(from.Marks),
	}
	if from.Phase == coordinator.RewindNone {
		to.Phase = "none"
	}
	return to, nil
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
