package server

import (
	"errors"
	"sync"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// internalTopic is the topic that a coordinator keeps its state in: each of its
// partitions is the memory of one shard.
type internalTopic struct {
	name       string
	of         string // what its coordinator has, for the log
	partitions int32  // when it is made
	configs    map[string]string
	load       func(shard int32) error

	mu     sync.Mutex
	loaded bool // the loads have been started
}

// offsetsTopic is the memory of groups.
func (s *Server) offsetsTopic() *internalTopic {
	return &internalTopic{
		name: cluster.OffsetsTopic, of: "groups", partitions: s.settings.offsetsPartitions(), load: s.groups.Load,
		configs: map[string]string{"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": s.settings.offsetsSegment()},
	}
}

// stateTopic is the memory of transactions.
func (s *Server) stateTopic() *internalTopic {
	return &internalTopic{
		name: cluster.TransactionsTopic, of: "transactions", partitions: s.settings.statePartitions(), load: s.txns.Load,
		configs: map[string]string{
			"cleanup.policy": "compact", "compression.type": "uncompressed", "segment.bytes": s.settings.stateSegment(),
			"unclean.leader.election.enable": "false",
		},
	}
}

// internalTopicOf is the topic of a coordinator that has this name, or nil.
func (s *Server) internalTopicOf(name string) *internalTopic {
	for _, t := range []*internalTopic{s.offsets, s.state} {
		if t.name == name {
			return t
		}
	}
	return nil
}

// serveInternal loads a coordinator's shards if their topic exists.
func (s *Server) serveInternal(t *internalTopic) {
	if _, ok := s.meta.Image().Topic(t.name); ok {
		s.loadShards(t)
	}
}

// loadShards starts the load of all shards, once; until its shard is there,
// who asks gets COORDINATOR_LOAD_IN_PROGRESS. It returns who waits for all of
// them, or nil if they were started before.
func (s *Server) loadShards(t *internalTopic) *sync.WaitGroup {
	t.mu.Lock()
	first := !t.loaded
	t.loaded = true
	t.mu.Unlock()
	topic, ok := s.meta.Image().Topic(t.name)
	if !first || !ok {
		return nil
	}
	all := new(sync.WaitGroup)
	for i := range topic.Partitions {
		index := topic.Partitions[i].Index
		all.Add(1)
		if !s.tasks.start(func() { s.loadShard(t, index, all) }) {
			all.Done()
		}
	}
	return all
}

func (s *Server) loadShard(t *internalTopic, index int32, all *sync.WaitGroup) {
	defer all.Done()
	err := t.load(index)
	switch {
	case errors.Is(err, shard.ErrUnloaded): // the broker stops
	case err != nil:
		s.log.Error(t.of+" cannot be loaded yet", zap.Int32("shard", index), zap.Error(err))
	}
}

// createInternal makes the topic if it does not exist.
func (s *Server) createInternal(t *internalTopic) *protocol.Error {
	if _, ok := s.meta.Image().Topic(t.name); ok {
		s.loadShards(t)
		return nil
	}
	r := s.meta.CreateTopics([]cluster.TopicSpec{{Name: t.name, Partitions: t.partitions, Internal: true, Configs: t.configs}})
	if err := r[0].Err; err != nil && !errors.Is(err, &protocol.Error{Code: protocol.TopicAlreadyExists}) {
		s.log.Error("the topic of a coordinator cannot be created", zap.String("topic", t.name), zap.Error(err))
		return protocol.Errorf(protocol.CoordinatorNotAvailable, "the topic %s cannot be created", t.name)
	}
	// The topic is empty: this is a moment, and spares the first clients a retry.
	if all := s.loadShards(t); all != nil {
		all.Wait()
	}
	return nil
}
