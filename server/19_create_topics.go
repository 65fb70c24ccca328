package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// CreateTopics (key 19), versions 0 to 7.
//
// Versions:
//   - v1: only to validate; an error message
//   - v2: a throttle time
//   - v4: says that partitions and replication factor may be -1 for the defaults
//     (KIP-464); like Kafka we take that of any version: KafkaJS asks so by v3
//   - v5: flexible; the answer has partitions, replication factor and configs
//     (KIP-525)
//   - v6: THROTTLING_QUOTA_EXCEEDED (KIP-599)
//   - v7: topic ids
//
// Differs from Kafka: Kafka 4 no longer has versions 0 and 1. The answer's configs are
// filled for validate-only requests too, which get no topic id: there is no such
// topic.
func (s *Server) createTopics(c *call, req *kmsg.CreateTopicsRequest) {
	resp := kmsg.NewPtrCreateTopicsResponse()
	resp.Topics = make([]kmsg.CreateTopicsResponseTopic, 0, len(req.Topics))
	img := s.meta.Image()
	times, mutations := map[string]int{}, c.mutations(6)
	for i := range req.Topics {
		times[req.Topics[i].Topic]++
	}
	var specs []cluster.TopicSpec
	var places []int // in the answer, of each spec
	for i := range req.Topics {
		name := req.Topics[i].Topic
		if times[name] == 0 {
			continue // Answered by its first appearance.
		}
		resp.Topics = append(resp.Topics, notCreated(name))
		place := len(resp.Topics) - 1
		spec, err := s.topicSpec(img, req, i, times)
		if times[name] > 1 {
			times[name] = 0
		}
		if err == nil {
			err = mutations.take(int(spec.Partitions))
		}
		switch {
		case err != nil:
			s.topicRefused(c, &resp.Topics[place], err)
		case req.ValidateOnly:
			s.topicCreated(&resp.Topics[place], img, spec, model.TopicID{})
		default:
			specs, places = append(specs, spec), append(places, place)
		}
	}
	if len(specs) > 0 {
		results := s.meta.CreateTopics(specs)
		img = s.meta.Image()
		for k, r := range results {
			out := &resp.Topics[places[k]]
			if r.Err != nil {
				s.topicRefused(c, out, asError(r.Err))
				continue
			}
			s.topicCreated(out, img, specs[k], r.Topic.ID)
			s.done(c, "topic created", zap.String("topic", out.Topic), zap.Int32("partitions", out.NumPartitions))
		}
	}
	c.answer(resp)
}

func notCreated(name string) kmsg.CreateTopicsResponseTopic {
	t := kmsg.NewCreateTopicsResponseTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
	return t
}

func (s *Server) topicRefused(c *call, out *kmsg.CreateTopicsResponseTopic, err *protocol.Error) {
	out.ErrorCode, out.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
}

// topicCreated fills the answer of a topic that was, or would be, created.
func (s *Server) topicCreated(out *kmsg.CreateTopicsResponseTopic, img *cluster.Image, spec cluster.TopicSpec, id model.TopicID) {
	out.TopicID = id
	out.NumPartitions, out.ReplicationFactor = spec.Partitions, 1
	if len(spec.Replicas) > 0 {
		out.ReplicationFactor = int16(len(spec.Replicas[0]))
	}
	out.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
	for _, v := range s.configs.DescribeTopicConfigs(img, spec.Configs) {
		out.Configs = append(out.Configs, kmsg.CreateTopicsResponseTopicConfig{
			Name: v.Def.Name, Value: v.Value, ReadOnly: v.ReadOnly, Source: int8(v.Source), IsSensitive: v.Def.Sensitive(),
		})
	}
}

// topicSpec checks what is asked for one topic and fills the defaults in.
func (s *Server) topicSpec(img *cluster.Image, req *kmsg.CreateTopicsRequest, i int, times map[string]int) (cluster.TopicSpec, *protocol.Error) {
	rt := &req.Topics[i]
	spec := cluster.TopicSpec{Name: rt.Topic, Partitions: rt.NumPartitions}
	if times[rt.Topic] > 1 {
		return spec, protocol.Errorf(protocol.InvalidRequest, "Topic '%s' appears more than once in the request.", rt.Topic)
	}
	if err := cluster.ProtectInternalTopic(rt.Topic, "create"); err != nil {
		return spec, asError(err)
	}
	if err := img.ValidateNewTopicName(rt.Topic); err != nil {
		return spec, asError(err)
	}
	if err := s.placement(img, rt, &spec); err != nil {
		return spec, err
	}
	spec.Configs = make(map[string]string, len(rt.Configs))
	for _, cfg := range rt.Configs {
		_, twice := spec.Configs[cfg.Name]
		switch {
		case twice:
			return spec, protocol.Errorf(protocol.InvalidConfig, "The config %s is given twice.", cfg.Name)
		case cfg.Value == nil:
			return spec, protocol.Errorf(protocol.InvalidConfig, "The config %s is given a null value; leave it out for the default.", cfg.Name)
		}
		spec.Configs[cfg.Name] = *cfg.Value
	}
	if err := s.configs.ValidateTopicConfigs(spec.Configs); err != nil {
		return spec, asError(err)
	}
	return spec, nil
}

// placement checks the number of partitions and where they should be.
func (s *Server) placement(img *cluster.Image, rt *kmsg.CreateTopicsRequestTopic, spec *cluster.TopicSpec) *protocol.Error {
	if len(rt.ReplicaAssignment) > 0 {
		if rt.NumPartitions != -1 || rt.ReplicationFactor != -1 {
			return protocol.Errorf(protocol.InvalidRequest,
				"Give either an assignment, or a number of partitions and a replication factor; the others must be -1.")
		}
		return assignment(img, rt, spec)
	}
	factor := rt.ReplicationFactor
	if spec.Partitions == -1 {
		spec.Partitions = s.settings.partitionsDefault()
	}
	if factor == -1 {
		factor = s.settings.replicationDefault()
	}
	switch brokers := len(img.Brokers); {
	case spec.Partitions < 1 || spec.Partitions > cluster.PartitionsMax:
		return protocol.Errorf(protocol.InvalidPartitions,
			"The number of partitions is %d; 1 to %d are possible.", spec.Partitions, cluster.PartitionsMax)
	case factor < 1:
		return protocol.Errorf(protocol.InvalidReplicationFactor, "The replication factor is %d; it must be at least 1.", factor)
	case int(factor) > brokers && brokers == 1:
		return protocol.Errorf(protocol.InvalidReplicationFactor,
			"The replication factor is %d, and there is only one broker: use 1, or leave it out.", factor)
	case int(factor) > brokers:
		return protocol.Errorf(protocol.InvalidReplicationFactor,
			"The replication factor is %d, and there are only %d brokers: leave it out, or give at most that.", factor, brokers)
	}
	return nil
}

// assignment takes over replicas that the client chose.
func assignment(img *cluster.Image, rt *kmsg.CreateTopicsRequestTopic, spec *cluster.TopicSpec) *protocol.Error {
	n := len(rt.ReplicaAssignment)
	spec.Partitions = int32(n)
	spec.Replicas = make([][]model.BrokerID, n)
	for _, a := range rt.ReplicaAssignment {
		if a.Partition < 0 || int(a.Partition) >= n || spec.Replicas[a.Partition] != nil {
			return protocol.Errorf(protocol.InvalidReplicaAssignment,
				"The assignment must name the partitions 0 to %d, each once; it names %d.", n-1, a.Partition)
		}
		replicas := make([]model.BrokerID, len(a.Replicas))
		for k, id := range a.Replicas {
			replicas[k] = model.BrokerID(id)
			if _, ok := img.Broker(replicas[k]); !ok {
				return protocol.Errorf(protocol.InvalidReplicaAssignment,
					"Partition %d is assigned to broker %d, which is not part of the cluster.", a.Partition, id)
			}
		}
		if len(replicas) == 0 {
			return protocol.Errorf(protocol.InvalidReplicaAssignment, "Partition %d is assigned to no broker.", a.Partition)
		}
		spec.Replicas[a.Partition] = replicas
	}
	for i := range spec.Replicas {
		if len(spec.Replicas[i]) != len(spec.Replicas[0]) {
			return protocol.Errorf(protocol.InvalidReplicaAssignment, "All partitions must have equally many replicas.")
		}
	}
	return nil
}
