package server

import (
	"errors"
	"sync"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/protocol"
)

// offsetsTopic is what the server knows of the group coordinator's topic.
type offsetsTopic struct {
	mu     sync.Mutex
	loaded bool
}

// serveOffsets loads the coordinator's shards if their topic exists, and
// follows the creation, growth and deletion of topics, and what is set on groups.
func (s *Server) serveOffsets() {
	if _, ok := s.meta.Image().Topic(cluster.OffsetsTopic); ok {
		s.loadShards()
	}
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

// loadShards starts the load of all shards, once; groups answer
// COORDINATOR_LOAD_IN_PROGRESS until theirs is there. It returns who waits for
// all of them, or nil if they were started before.
func (s *Server) loadShards() *sync.WaitGroup {
	s.offsets.mu.Lock()
	first := !s.offsets.loaded
	s.offsets.loaded = true
	s.offsets.mu.Unlock()
	t, ok := s.meta.Image().Topic(cluster.OffsetsTopic)
	if !first || !ok {
		return nil
	}
	all := new(sync.WaitGroup)
	for i := range t.Partitions {
		shard := t.Partitions[i].Index
		all.Add(1)
		if !s.tasks.start(func() { s.loadShard(shard, all) }) {
			all.Done()
		}
	}
	return all
}

func (s *Server) loadShard(shard int32, all *sync.WaitGroup) {
	defer all.Done()
	err := s.groups.Load(shard)
	switch {
	case errors.Is(err, coordinator.ErrUnloaded): // the broker stops
	case err != nil:
		s.log.Error("groups cannot be loaded yet", zap.Int32("shard", shard), zap.Error(err))
	}
}

// createOffsetsTopic makes the coordinator's topic if it does not exist.
func (s *Server) createOffsetsTopic() *protocol.Error {
	if _, ok := s.meta.Image().Topic(cluster.OffsetsTopic); ok {
		s.loadShards()
		return nil
	}
	r := s.meta.CreateTopics([]cluster.TopicSpec{{
		Name: cluster.OffsetsTopic, Partitions: s.settings.offsetsPartitions(), Internal: true,
		Configs: map[string]string{"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": s.settings.offsetsSegment()},
	}})
	if err := r[0].Err; err != nil && !errors.Is(err, &protocol.Error{Code: protocol.TopicAlreadyExists}) {
		s.log.Error("the topic of the group coordinator cannot be created", zap.Error(err))
		return protocol.Errorf(protocol.CoordinatorNotAvailable, "the topic %s cannot be created", cluster.OffsetsTopic)
	}
	// The topic is empty: this is a moment, and spares the first members a retry.
	if all := s.loadShards(); all != nil {
		all.Wait()
	}
	return nil
}
