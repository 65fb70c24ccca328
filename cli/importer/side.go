package importer

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// side is one of the two clusters.
type side struct {
	Cluster

	name string // source or target
	id   string // the cluster's; empty if it has none

	topics map[string]*sideTopic // as last looked
	mu     struct {
		sync.Mutex
		leaders map[model.TopicPartition]int32
	}
}

type sideTopic struct {
	id         model.TopicID
	partitions int32
	internal   bool
}

func newSide(name string, c Cluster) *side { return &side{Cluster: c, name: name} }

// look asks for all topics of the cluster.
func (s *side) look(ctx context.Context) error {
	resp, err := s.metadata(ctx, nil)
	if err != nil {
		return err
	}
	s.id = ""
	if resp.ClusterID != nil {
		s.id = *resp.ClusterID
	}
	s.topics = map[string]*sideTopic{}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic != nil && t.ErrorCode == 0 {
			s.topics[*t.Topic] = &sideTopic{id: t.TopicID, partitions: int32(len(t.Partitions)), internal: t.IsInternal}
		}
	}
	return nil
}

// metadata asks for topics; nil is all. Who leads is known afterwards.
func (s *side) metadata(ctx context.Context, names []string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, s.Client)
	if err != nil {
		return nil, s.failed("metadata", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.leaders == nil {
		s.mu.leaders = map[model.TopicPartition]int32{}
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		for j := range t.Partitions {
			tp := model.TopicPartition{Topic: *t.Topic, Partition: t.Partitions[j].Partition}
			if s.mu.leaders[tp] = t.Partitions[j].Leader; t.Partitions[j].Leader < 0 {
				delete(s.mu.leaders, tp)
			}
		}
	}
	return resp, nil
}

// leader is the broker that leads a partition.
func (s *side) leader(ctx context.Context, tp model.TopicPartition) (int32, error) {
	s.mu.Lock()
	id, ok := s.mu.leaders[tp]
	s.mu.Unlock()
	if ok {
		return id, nil
	}
	resp, err := s.metadata(ctx, []string{tp.Topic})
	if err != nil {
		return -1, err
	}
	for i := range resp.Topics {
		if err := s.refused("topic "+tp.Topic, resp.Topics[i].ErrorCode, nil); err != nil {
			return -1, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok = s.mu.leaders[tp]; !ok {
		return -1, again{fmt.Errorf("the %s has no leader for %s-%d", s.name, tp.Topic, tp.Partition)}
	}
	return id, nil
}

// forget has the leader of a partition be asked for anew.
func (s *side) forget(tp model.TopicPartition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.leaders, tp)
}

// askLeader sends a request about one partition to its leader.
func (s *side) askLeader(ctx context.Context, tp model.TopicPartition, req kmsg.Request) (kmsg.Response, error) {
	id, err := s.leader(ctx, tp)
	if err != nil {
		return nil, err
	}
	resp, err := s.Client.Broker(int(id)).Request(ctx, req)
	if err != nil {
		s.forget(tp)
		return nil, s.failed(kmsg.NameForKey(req.Key()), err)
	}
	return resp, nil
}

// topicID is a topic's id as the source or target had it when it was looked at.
func (s *side) topicID(name string) (id model.TopicID) {
	if t := s.topics[name]; t != nil {
		id = t.id
	}
	return id
}
