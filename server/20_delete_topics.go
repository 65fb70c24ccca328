package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// DeleteTopics (key 20), versions 0 to 6.
//
// Versions:
//   - v1: a throttle time
//   - v3: TOPIC_DELETION_DISABLED
//   - v4: flexible
//   - v5: an error message, THROTTLING_QUOTA_EXCEEDED (KIP-599)
//   - v6: topic ids (KIP-516)
//
// Differs from Kafka: Kafka 4 no longer has version 0. When the answer is sent the
// topic is gone, and its name can be used again.
func (s *Server) deleteTopics(c *call, req *kmsg.DeleteTopicsRequest) {
	resp := kmsg.NewPtrDeleteTopicsResponse()
	img := s.meta.Image()
	asked := req.Topics
	if req.Version < 6 {
		asked = nil
		for i := range req.TopicNames {
			asked = append(asked, kmsg.DeleteTopicsRequestTopic{Topic: &req.TopicNames[i]})
		}
	}
	resp.Topics = make([]kmsg.DeleteTopicsResponseTopic, 0, len(asked))
	var names []string
	var places []int // in the answer, of each name
	times, mutations := map[askedTopic]int{}, c.mutations(5)
	for i := range asked {
		times[askedAs(&asked[i])]++
	}
	seen := map[string]bool{}
	for i := range asked {
		out := kmsg.DeleteTopicsResponseTopic{Topic: asked[i].Topic, TopicID: asked[i].TopicID}
		t, err := s.deletable(img, &asked[i])
		as := askedAs(&asked[i])
		if times[as] == 0 {
			continue // Answered by its first appearance.
		}
		if times[as] > 1 || err == nil && seen[t.Name] {
			times[as] = 0
			err = protocol.Errorf(protocol.InvalidRequest, "The topic appears more than once in the request.")
		}
		if err == nil {
			if err = mutations.take(len(t.Partitions)); err != nil {
				out.Topic, out.TopicID = &t.Name, t.ID // it is there
			}
		}
		if err != nil {
			out.ErrorCode, out.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
			resp.Topics = append(resp.Topics, out)
			continue
		}
		seen[t.Name] = true
		out.Topic, out.TopicID = &t.Name, t.ID
		names, places = append(names, t.Name), append(places, len(resp.Topics))
		resp.Topics = append(resp.Topics, out)
	}
	if len(names) > 0 {
		for k, err := range s.meta.DeleteTopics(names) {
			if e := asError(err); e != nil {
				out := &resp.Topics[places[k]]
				out.ErrorCode, out.ErrorMessage = c.failed(e.Code), protocol.MessageOf(e)
				continue
			}
			s.done(c, "topic deleted", zap.String("topic", names[k]))
		}
	}
	c.answer(resp)
}

// askedTopic is how a request names a topic.
type askedTopic struct {
	name string
	id   model.TopicID
}

func askedAs(rt *kmsg.DeleteTopicsRequestTopic) askedTopic {
	as := askedTopic{id: rt.TopicID}
	if rt.Topic != nil {
		as.name = *rt.Topic
	}
	return as
}

// deletable finds the topic that is to be deleted.
func (s *Server) deletable(img *cluster.Image, rt *kmsg.DeleteTopicsRequestTopic) (*cluster.Topic, *protocol.Error) {
	id := model.TopicID(rt.TopicID)
	if rt.Topic != nil && !id.IsZero() {
		return nil, protocol.Errorf(protocol.InvalidRequest, "Name a topic by name or by id, not both.")
	}
	if rt.Topic == nil && id.IsZero() {
		return nil, protocol.Errorf(protocol.InvalidRequest, "Name a topic by name or by id.")
	}
	var t *cluster.Topic
	var ok bool
	if rt.Topic != nil {
		if t, ok = img.Topic(*rt.Topic); !ok {
			return nil, unknownTopic(*rt.Topic)
		}
	} else if t, ok = img.TopicByID(id); !ok {
		return nil, protocol.Errorf(protocol.UnknownTopicID, "No topic has id %s.", id)
	}
	if err := cluster.ProtectInternalTopic(t.Name, "delete"); err != nil {
		return nil, asError(err)
	}
	if !s.settings.fixed.deleteTopics {
		return nil, protocol.Errorf(protocol.TopicDeletionDisabled, "Topics cannot be deleted here: delete.topic.enable is false.")
	}
	return t, nil
}
