package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Weighers reckon, before a handler runs, how much memory its answer will take
// while it is made: kmsg's structs and the encoded bytes. They are cheap and on
// the high side; a test compares them with what answers really take.

// How much an element of an answer takes, struct and encoded.
const (
	topicWeight          = 224
	partitionWeight      = 224 // of DescribeTopicPartitions, with a few replicas
	createdWeight        = 8 << 10
	describedWeight      = 48 << 10 // the configs of a topic with documentation
	brokerWeight         = 512 << 10
	offsetWeight         = 448
	commitWeight         = 448 // and a record's bytes, three times
	logDirWeight         = 384
	groupWeight          = 4 << 10
	listedGroupWeight    = 512
	listedResourceWeight = 448
	refusedWeight        = 1536 // a partition with a message
	scramWeight          = 640  // a user with a message
	// The ratios are for all other answers: so much for each byte that the
	// decoded request takes.
	producedRatio = 3
	defaultRatio  = 8
)

// weigh is the weight of the answer to a request that takes need bytes.
func (a *api) weigh(s *Server, req kmsg.Request, need int) int {
	switch {
	case a.weigher != nil:
		return a.weigher(s, req)
	case a.ratio > 0:
		return a.ratio * need
	}
	return defaultRatio * need
}

// weighedLater is for answers that say what they take once they are there.
func weighedLater(*Server, kmsg.Request) int { return 0 }

// weighFetch is of what is made before the answer: what was asked is kept in a
// form of its own while the call is parked.
func (s *Server) weighFetch(req *kmsg.FetchRequest) int {
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	return n * fetchPartWeight
}

func (s *Server) weighMetadata(req *kmsg.MetadataRequest) int {
	img := s.meta.Image()
	w := 0
	add := func(t *cluster.Topic) bool {
		w += topicWeight + protocol.MetadataBytes(len(t.Partitions))
		return true
	}
	if metadataOfAll(req) {
		img.Topics(add)
		return w
	}
	for i := range req.Topics {
		t, ok := img.TopicByID(req.Topics[i].TopicID)
		if !asksByID(&req.Topics[i]) {
			t, ok = img.Topic(*req.Topics[i].Topic)
		}
		if ok {
			add(t)
			continue
		}
		w += topicWeight + protocol.MetadataBytes(int(s.settings.partitionsDefault()))
	}
	return w
}

func (s *Server) weighDescribeTopicPartitions(req *kmsg.DescribeTopicPartitionsRequest) int {
	most := int(s.settings.fixed.describePartitions)
	if req.ResponsePartitionLimit > 0 {
		most = min(most, int(req.ResponsePartitionLimit))
	}
	topics := len(req.Topics)
	if topics == 0 {
		topics = s.meta.Image().TopicCount()
	}
	return topics*(topicWeight+16) + most*partitionWeight
}

func (s *Server) weighCreateTopics(req *kmsg.CreateTopicsRequest) int {
	return len(req.Topics) * createdWeight
}

func (s *Server) weighDescribeConfigs(req *kmsg.DescribeConfigsRequest) int {
	w := 0
	for i := range req.Resources {
		if cluster.ResourceType(req.Resources[i].ResourceType) == cluster.ResourceBroker {
			w += brokerWeight
			continue
		}
		w += describedWeight
	}
	return w
}

func (s *Server) weighDescribeLogDirs(req *kmsg.DescribeLogDirsRequest) int {
	w := 0
	add := func(t *cluster.Topic) bool {
		w += logDirWeight + len(t.Partitions)*logDirWeight
		return true
	}
	img := s.meta.Image()
	if req.Topics == nil {
		img.Topics(add)
	}
	for i := range req.Topics {
		w += logDirWeight + len(req.Topics[i].Partitions)*logDirWeight
	}
	return w
}

func (s *Server) weighDescribeGroups(req *kmsg.DescribeGroupsRequest) int {
	return len(req.Groups) * groupWeight
}

func (s *Server) weighListGroups(*kmsg.ListGroupsRequest) int {
	n := 0
	for _, count := range s.groups.Metrics().Groups {
		n += count
	}
	return n * listedGroupWeight
}

// weighOffsetCommit is of the records too, which wait for the disk with the
// answer: as they are made, in a batch, and as what the group holds.
func (s *Server) weighOffsetCommit(req *kmsg.OffsetCommitRequest) int {
	w := 0
	for i := range req.Topics {
		t := &req.Topics[i]
		w += topicWeight + len(t.Partitions)*(commitWeight+2*(len(req.Group)+len(t.Topic)))
		for j := range t.Partitions {
			if m := t.Partitions[j].Metadata; m != nil {
				w += 3 * len(*m)
			}
		}
	}
	return w
}

// weighOffsetFetch does not know how many offsets a group has, only how many
// there are.
func (s *Server) weighOffsetFetch(req *kmsg.OffsetFetchRequest) int {
	n, all := 0, 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	if req.Version < 8 && req.Topics == nil {
		all++
	}
	for i := range req.Groups {
		g := &req.Groups[i]
		if g.Topics == nil {
			all++
		}
		for j := range g.Topics {
			n += len(g.Topics[j].Partitions)
		}
	}
	if all > 0 {
		n += s.groups.Metrics().Offsets
	}
	return n * offsetWeight
}

// joinedBytes is what an answer takes when it is encoded.
func joinedBytes(resp *kmsg.JoinGroupResponse) int {
	n := 128 + len(resp.LeaderID) + len(resp.MemberID)
	for i := range resp.Members {
		m := &resp.Members[i]
		n += 16 + len(m.MemberID) + len(m.ProtocolMetadata)
		if m.InstanceID != nil {
			n += len(*m.InstanceID)
		}
	}
	return n
}

// describedGroupBytes is what an answer takes when it is encoded.
func describedGroupBytes(resp *kmsg.DescribeGroupsResponse) int {
	n := 0
	for i := range resp.Groups {
		g := &resp.Groups[i]
		n += len(g.Group) + 64
		for j := range g.Members {
			m := &g.Members[j]
			n += len(m.MemberID) + len(m.ClientID) + len(m.ClientHost) + len(m.ProtocolMetadata) + len(m.MemberAssignment) + 64
		}
	}
	return n
}

// beatBytes is what an answer takes when it is encoded.
func beatBytes(resp *kmsg.ConsumerGroupHeartbeatResponse) int {
	const topic = 20
	n := 128
	if resp.Assignment != nil {
		for i := range resp.Assignment.Topics {
			n += topic + 4*len(resp.Assignment.Topics[i].Partitions)
		}
	}
	return n
}

// describedConsumerBytes is what an answer takes when it is encoded.
func describedConsumerBytes(resp *kmsg.ConsumerGroupDescribeResponse) int {
	const topic = 24
	n := 0
	set := func(a *kmsg.Assignment) {
		for i := range a.TopicPartitions {
			t := &a.TopicPartitions[i]
			n += topic + len(t.Topic) + 4*len(t.Partitions)
		}
	}
	for i := range resp.Groups {
		g := &resp.Groups[i]
		n += len(g.Group) + 128
		for j := range g.Members {
			m := &g.Members[j]
			n += len(m.MemberID) + len(m.ClientID) + len(m.ClientHost) + 128
			for _, name := range m.SubscribedTopics {
				n += len(name) + 4
			}
			set(&m.Assignment)
			set(&m.TargetAssignment)
		}
	}
	return n
}

// committedBytes is what an answer takes when it is encoded, about.
func committedBytes(resp *kmsg.OffsetCommitResponse) int {
	n := 64
	for i := range resp.Topics {
		n += 32 + len(resp.Topics[i].Topic) + 8*len(resp.Topics[i].Partitions)
	}
	return n
}

// fetchedOffsetBytes is what an answer takes when it is encoded.
func fetchedOffsetBytes(resp *kmsg.OffsetFetchResponse) int {
	const each = 32
	n := 0
	text := func(s *string) int {
		if s == nil {
			return each
		}
		return each + len(*s)
	}
	for i := range resp.Topics {
		n += each + len(resp.Topics[i].Topic)
		for j := range resp.Topics[i].Partitions {
			n += text(resp.Topics[i].Partitions[j].Metadata)
		}
	}
	for i := range resp.Groups {
		for j := range resp.Groups[i].Topics {
			t := &resp.Groups[i].Topics[j]
			n += each + len(t.Topic)
			for k := range t.Partitions {
				n += text(t.Partitions[k].Metadata)
			}
		}
	}
	return n
}

func (s *Server) weighElections(req *kmsg.ElectLeadersRequest) int {
	w := 0
	for i := range req.Topics {
		w += refusedTopicWeight(req.Topics[i].Topic, len(req.Topics[i].Partitions))
	}
	return w
}

func (s *Server) weighReassignments(req *kmsg.AlterPartitionAssignmentsRequest) int {
	w := 0
	for i := range req.Topics {
		w += refusedTopicWeight(req.Topics[i].Topic, len(req.Topics[i].Partitions))
	}
	return w
}

// refusedTopicWeight is for an answer with a text for each partition, which may name
// the topic.
func refusedTopicWeight(topic string, partitions int) int {
	return topicWeight + partitions*(refusedWeight+2*len(topic))
}
