package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server/quota"
)

// Metadata (key 3), versions 0 to 13.
//
// Versions:
//   - v0: an empty list means all topics
//   - v1: a null list means all, an empty one none; controller, racks, internal
//   - v2: cluster id
//   - v4: whether unknown topics may be created
//   - v5: offline replicas
//   - v7: leader epochs
//   - v8: authorized operations of cluster and topics, on request
//   - v9: flexible
//   - v10: topic ids; from v12 one may ask by id
//   - v11: cluster operations are asked of DescribeCluster instead
//   - v13: an error of the whole answer (KIP-1102)
//
// Differs from Kafka: a topic that this request creates is in the answer with
// its partitions, where Kafka answers LEADER_NOT_AVAILABLE and the client asks
// again. Brokers are advertised at the listener through which the client came.

// The bits of authorized operations: without an authorizer everything that
// applies is allowed, and what was not asked for is the least integer.
const (
	operationsNotAsked  = -1 << 31
	operationsOfTopics  = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11
	operationsOfCluster = 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12
	operationsOfGroups  = 1<<3 | 1<<6 | 1<<8 | 1<<10 | 1<<11
)

func (s *Server) metadata(c *call, req *kmsg.MetadataRequest) {
	resp := &protocol.MetadataResponse{MetadataResponse: kmsg.NewMetadataResponse()}
	img := s.meta.Image()
	if metadataOfAll(req) {
		resp.List = s.allTopics(img, req)
	} else {
		img, resp.List = s.askedTopics(c, img, req)
		if slices.ContainsFunc(resp.List, func(t protocol.MetadataTopic) bool { return t.Partitions > 0 }) {
			c.conn.lookedUp()
		}
	}
	for _, e := range s.brokers(c.conn.listener, img) {
		b := kmsg.MetadataResponseBroker{NodeID: int32(e.Node), Host: e.Host, Port: e.Port, Rack: e.Rack}
		resp.Brokers = append(resp.Brokers, b)
	}
	resp.ClusterID = &img.ClusterID
	resp.ControllerID = int32(img.Controller)
	resp.AuthorizedOperations = operationsNotAsked
	if req.Version >= 8 && req.Version <= 10 && req.IncludeClusterAuthorizedOperations {
		resp.AuthorizedOperations = operationsOfCluster
	}
	c.answer(resp)
}

// metadataOfAll: version 0 cannot say null.
func metadataOfAll(req *kmsg.MetadataRequest) bool {
	return req.Topics == nil || req.Version == 0 && len(req.Topics) == 0
}

func (s *Server) allTopics(img *cluster.Image, req *kmsg.MetadataRequest) []protocol.MetadataTopic {
	topics := img.TopicsByName()
	all := make([]protocol.MetadataTopic, len(topics))
	for i, t := range topics {
		all[i] = s.topicMetadata(t, req)
	}
	return all
}

// askedTopics answers for the named topics, having created those that are
// missing where that is allowed.
func (s *Server) askedTopics(c *call, img *cluster.Image, req *kmsg.MetadataRequest) (*cluster.Image, []protocol.MetadataTopic) {
	failures := map[string]*protocol.Error{}
	if req.Version < 4 || req.AllowAutoTopicCreation {
		img = s.createMissing(c, img, req, failures)
	}
	topics := distinct(req.Topics, metadataKey)
	answers := make([]protocol.MetadataTopic, 0, len(topics))
	for i := range topics {
		rt := &topics[i]
		if asksByID(rt) {
			answers = append(answers, s.topicByID(c, img, req, rt.TopicID))
			continue
		}
		if t, ok := img.Topic(*rt.Topic); ok {
			answers = append(answers, s.topicMetadata(t, req))
			continue
		}
		err := failures[*rt.Topic]
		if err == nil {
			err = unknownTopic(*rt.Topic)
		}
		answers = append(answers, noTopic(c, rt.Topic, rt.TopicID, err.Code))
	}
	return img, answers
}

// asksByID reports whether a topic is meant by its id. Java leaves the name empty
// then, where others leave it out.
func asksByID(t *kmsg.MetadataRequestTopic) bool {
	return t.Topic == nil || *t.Topic == "" && t.TopicID != [16]byte{}
}

// topicKey tells the topics of a request apart: by name, else by id.
type topicKey struct {
	named bool
	name  string
	id    model.TopicID
}

func metadataKey(t kmsg.MetadataRequestTopic) topicKey {
	if !asksByID(&t) {
		return topicKey{named: true, name: *t.Topic}
	}
	return topicKey{id: t.TopicID}
}

func (s *Server) topicByID(c *call, img *cluster.Image, req *kmsg.MetadataRequest, id model.TopicID) protocol.MetadataTopic {
	t, ok := img.TopicByID(id)
	switch {
	case id.IsZero():
		return noTopic(c, nil, id, protocol.InvalidRequest)
	case !ok:
		return noTopic(c, nil, id, protocol.UnknownTopicID)
	}
	return s.topicMetadata(t, req)
}

// unknownTopic is the error for a name that has no topic.
func unknownTopic(name string) *protocol.Error {
	if err := cluster.ValidateTopicName(name); err != nil {
		return protocol.Errorf(protocol.CodeOf(err), "%s", messageOf(err))
	}
	return protocol.Errorf(protocol.UnknownTopicOrPartition, "topic %q does not exist", name)
}

func noTopic(c *call, name *string, id [16]byte, code protocol.ErrorCode) protocol.MetadataTopic {
	return protocol.MetadataTopic{Error: protocol.ErrorCode(c.failed(code)), Name: name, ID: id, Operations: operationsNotAsked}
}

// createMissing creates the topics that do not exist, with the defaults.
func (s *Server) createMissing(c *call, img *cluster.Image, req *kmsg.MetadataRequest, failures map[string]*protocol.Error) *cluster.Image {
	var specs []cluster.TopicSpec
	for i := range req.Topics {
		if asksByID(&req.Topics[i]) {
			continue
		}
		name := req.Topics[i].Topic
		if _, ok := img.Topic(*name); ok {
			continue
		}
		if own := s.internalTopicOf(*name); own != nil {
			if err := s.createInternal(own); err != nil {
				failures[*name] = err
			}
			continue
		}
		if !s.settings.autoCreate() || cluster.IsInternalTopic(*name) {
			continue
		}
		if err := img.ValidateNewTopicName(*name); err != nil {
			failures[*name] = asError(err)
			continue
		}
		specs = append(specs, cluster.TopicSpec{Name: *name, Partitions: s.settings.partitionsDefault()})
	}
	if len(specs) > 0 {
		for i, r := range s.meta.CreateTopics(specs) {
			switch {
			case r.Err == nil:
				c.charge(quota.Mutation, float64(specs[i].Partitions))
				s.done(c, "topic created as it was asked for", zap.String("topic", specs[i].Name), zap.Int32("partitions", specs[i].Partitions))
			case protocol.CodeOf(r.Err) != protocol.TopicAlreadyExists:
				failures[specs[i].Name] = asError(r.Err)
			}
		}
	}
	return s.meta.Image()
}

func (s *Server) topicMetadata(t *cluster.Topic, req *kmsg.MetadataRequest) protocol.MetadataTopic {
	out := protocol.MetadataTopic{
		Name: &t.Name, ID: t.ID, Internal: t.Internal, Operations: operationsNotAsked,
		Partitions: len(t.Partitions), Partition: func(i int) protocol.MetadataPartition {
			p := &t.Partitions[i]
			return protocol.MetadataPartition{
				Index: p.Index, Leader: p.Leader, LeaderEpoch: s.partitions.LeaderEpoch(p), Replicas: p.Replicas, ISR: p.ISR,
			}
		},
	}
	if req.Version >= 8 && req.IncludeTopicAuthorizedOperations {
		out.Operations = operationsOfTopics
	}
	return out
}

// brokerIDs makes the wire's form of a list of brokers; never null.
func brokerIDs(ids []model.BrokerID) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}

// brokers are the nodes as a client of a listener reaches them.
func (s *Server) brokers(l *listener, img *cluster.Image) []protocol.NodeEndpoint {
	var all []protocol.NodeEndpoint
	for _, b := range img.Brokers {
		if b.ID != s.cfg.NodeID {
			continue // other nodes' addresses come with the cluster
		}
		e := protocol.NodeEndpoint{Node: b.ID, Host: l.advertised.host, Port: l.advertised.port}
		if b.Rack != "" {
			e.Rack = &b.Rack
		}
		all = append(all, e)
	}
	return all
}
