package server

import (
	"slices"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// leaderHint tells a client that asked the wrong broker, or as of a leadership that
// is over, whom to ask for a partition (KIP-951): it is what Metadata would answer,
// and spares the client that request. The topic is named as the request did it: by id in
// newer versions, by name before. Nil: it is gone meanwhile, or has no such partition.
func (s *Server) leaderHint(name string, id model.TopicID, byID bool, index int32) *protocol.LeaderHint {
	var t *cluster.Topic
	if img := s.meta.Image(); byID {
		t, _ = img.TopicByID(id)
	} else {
		t, _ = img.Topic(name)
	}
	if t == nil || index < 0 || int(index) >= len(t.Partitions) {
		return nil
	}
	p := &t.Partitions[index]
	return &protocol.LeaderHint{Leader: p.Leader, Epoch: s.partitions.LeaderEpoch(p)}
}

// leaderEndpoints are where a client of a listener reaches the leaders that hints of
// one answer name. Of one that is not there a hint says no more than its id.
func (s *Server) leaderEndpoints(l *listener, named []model.BrokerID) []protocol.NodeEndpoint {
	if len(named) == 0 {
		return nil
	}
	return slices.DeleteFunc(s.brokers(l, s.meta.Image()), func(e protocol.NodeEndpoint) bool { return !slices.Contains(named, e.Node) })
}
