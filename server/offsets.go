package server

import (
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
)

// serveOffsets loads the coordinator's shards if their topic exists, and
// follows the creation, growth and deletion of topics, and what is set on groups.
func (s *Server) serveOffsets() {
	s.serveInternal(s.offsets)
	s.meta.Subscribe(func(before, after *cluster.Image) {
		var gone []string
		before.Gone(after, func(t *cluster.Topic) { gone = append(gone, t.Name) })
		if len(gone) > 0 {
			// Groups may have much to do; metadata changes do not wait for them.
			s.tasks.start(func() { s.dropOffsets(gone) })
		}
		var reshaped []string
		before.Reshaped(after, func(name string) { reshaped = append(reshaped, name) })
		if len(reshaped) > 0 {
			s.tasks.start(func() { s.groups.TopicsChanged(reshaped) })
		}
		if all, changed := s.settings.configs.GroupsChanged(before, after); all {
			s.tasks.start(func() { s.groups.RulesChanged(nil) })
		} else if len(changed) > 0 {
			s.tasks.start(func() { s.groups.RulesChanged(changed) })
		}
	})
}

// dropOffsets removes what groups committed for topics that are gone. It may
// come late: what belongs to a new topic of the same name stays. What a crash
// or a lost append prevents is found when the shards are loaded again.
func (s *Server) dropOffsets(topics []string) {
	s.groups.DropTopics(topics, func(err error) {
		if err != nil {
			s.log.Info("the offsets of deleted topics go with the next load", zap.Strings("topics", topics), zap.Error(err))
		}
	})
}
