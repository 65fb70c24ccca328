package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
)

// GroupDeleted is the answer to who deleted a group.
type GroupDeleted struct {
	Group string `json:"group"`
}

// apiBody reads the body of a request, of so many bytes at most, into v; unknown
// fields are an error, as a mistyped dryRun must not become the deed itself.
func apiBody(r *http.Request, most int64, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, most))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil // no body: nothing is set
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more behind the first value")
		}
	}
	if err != nil {
		return protocol.Errorf(protocol.InvalidRequest, "the body: %v", err)
	}
	return nil
}

// apiDeleteGroup answers DELETE /api/v1/groups/{group}: a group without members
// goes, with its offsets.
func (s *Server) apiDeleteGroup(w http.ResponseWriter, r *http.Request) {
	v, err := s.inspectOne(r.Context(), r.PathValue("group"))
	if err == nil {
		err = mustBeEmpty(v, "delete")
	}
	if err == nil {
		err = s.deleteGroup(r.Context(), v.ID)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, GroupDeleted{Group: v.ID})
}

func (s *Server) deleteGroup(ctx context.Context, id string) error {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Version, req.Groups = 2, []string{id}
	resp, err := await(ctx, s, func(reply func(*kmsg.DeleteGroupsResponse)) { s.groups.DeleteGroups(req, reply) })
	if err != nil {
		return maybeDone(err)
	}
	switch code := protocol.ErrorCode(resp.Groups[0].ErrorCode); code {
	case protocol.NoError:
		return nil
	case protocol.GroupIDNotFound:
		return noGroup(id)
	case protocol.NonEmptyGroup:
		return protocol.Errorf(code, "group %s got a member a moment ago: stop it first", words.Quoted(id))
	default:
		return protocol.Errorf(code, "group %s cannot be deleted now: %s", words.Quoted(id), code)
	}
}

// apiResetGroup answers POST /api/v1/groups/{group}/reset with what was done, or
// would be.
func (s *Server) apiResetGroup(w http.ResponseWriter, r *http.Request) {
	var req ResetRequest
	err := apiBody(r, apiOffsetsMax, &req)
	var v *coordinator.GroupView
	if err == nil {
		v, err = s.inspectOne(r.Context(), r.PathValue("group"))
	}
	if err == nil {
		err = mustBeEmpty(v, "reset")
	}
	var plan *ResetPlan
	if err == nil {
		plan, err = s.planReset(r.Context(), v, &req)
	}
	if err == nil {
		err = plan.fits(v)
	}
	if err == nil && !req.DryRun {
		err = inTime(r.Context())
	}
	if err == nil && !req.DryRun {
		err = s.reset(r.Context(), plan)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, plan)
}

// mustBeEmpty refuses what members would undo, or suffer from.
func mustBeEmpty(v *coordinator.GroupView, deed string) error {
	if len(v.Members) == 0 && v.Newcomers == 0 {
		return nil
	}
	const shown = 3
	var who []string
	for i := range v.Members[:min(len(v.Members), shown)] {
		who = append(who, words.Quoted(v.Members[i].ClientID+"@"+strings.TrimPrefix(v.Members[i].ClientHost, "/")))
	}
	if more := len(v.Members) - shown; more > 0 {
		who = append(who, "and "+strconv.Itoa(more)+" more")
	}
	names := ""
	if len(who) > 0 {
		names = " (" + strings.Join(who, ", ") + ")"
	}
	return protocol.Errorf(protocol.NonEmptyGroup, "group %s has %s%s: stop them, then %s%s",
		words.Quoted(v.ID), words.Counted(len(v.Members)+v.Newcomers, "member", "members"), names, deed, staticNote(v.Members))
}

// staticNote says that to stop a static member is not all: it stays one.
func staticNote(members []coordinator.MemberView) string {
	static := false
	for i := range members {
		m := &members[i]
		if m.Consumer != nil && m.Consumer.State == coordinator.MemberAway {
			return "; a static member has left and counts until its session times out, as it may come back: `mainstem group why` says until when"
		}
		static = static || m.Instance != nil
	}
	if static {
		return "; one with a group.instance.id counts after that until its session times out, as it may come back"
	}
	return ""
}

// reset commits what was planned. A member that joined since makes the
// coordinator refuse it.
func (s *Server) reset(ctx context.Context, plan *ResetPlan) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.Generation = 8, plan.Group, -1
	for i := range plan.Partitions {
		p := &plan.Partitions[i]
		if p.To == nil {
			continue
		}
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.Topic {
			req.Topics = append(req.Topics, kmsg.OffsetCommitRequestTopic{Topic: p.Topic})
		}
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset = p.Partition, *p.To
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, part)
	}
	if len(req.Topics) == 0 {
		return nil
	}
	resp, err := await(ctx, s, func(reply func(*kmsg.OffsetCommitResponse)) { s.groups.CommitOffsets(req, coordinator.Caller{}, reply) })
	if err != nil {
		return maybeDone(err)
	}
	for i := range resp.Topics {
		for _, p := range resp.Topics[i].Partitions {
			switch code := protocol.ErrorCode(p.ErrorCode); code {
			case protocol.NoError:
			case protocol.InvalidCommitOffsetSize:
				return refuseNow("broadcast group %s got a member a moment ago, and now its members times the partitions are too many for one reset: "+
					"reset some topics at a time; nothing was changed", words.Quoted(plan.Group))
			case protocol.UnknownMemberID:
				return protocol.Errorf(protocol.NonEmptyGroup, "group %s got a member a moment ago: stop it first; nothing was changed", words.Quoted(plan.Group))
			default:
				return protocol.Errorf(code, "%s-%d could not be set: %s; others of the group may have been", words.Quoted(resp.Topics[i].Topic), p.Partition, code)
			}
		}
	}
	s.log.Info("the offsets of a group were reset", zap.String("group", plan.Group), zap.Int("partitions", len(plan.Partitions)),
		zap.String("moves", movesText(plan.Partitions)))
	return nil
}
