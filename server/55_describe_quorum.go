package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// metadataTopic is the log of the controllers, which no client can read.
const metadataTopic = "__cluster_metadata"

// DescribeQuorum (key 55), versions 0 to 2.
//
// Versions:
//   - v1: when each voter fetched last and was caught up (KIP-836)
//   - v2: directory ids, messages, the nodes' addresses (KIP-853)
//
// With one broker it is the only voter, and leads.
//
// Differs from Kafka: the end of the metadata is the number of changes that it
// took, there is no directory id, and the node's address is that of the
// listener the question came by, since no controller has a port of its own.
func (s *Server) describeQuorum(c *call, req *kmsg.DescribeQuorumRequest) {
	resp := kmsg.NewPtrDescribeQuorumResponse()
	img, now := s.meta.Image(), s.clock.Now().UnixMilli()
	for i := range req.Topics {
		asked := &req.Topics[i]
		out := kmsg.DescribeQuorumResponseTopic{Topic: asked.Topic}
		for k := range asked.Partitions {
			p := kmsg.NewDescribeQuorumResponseTopicPartition()
			p.Partition = asked.Partitions[k].Partition
			if asked.Topic != metadataTopic || p.Partition != 0 {
				p.ErrorCode = c.failed(protocol.UnknownTopicOrPartition)
			} else {
				voter := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
				voter.ReplicaID, voter.LogEndOffset = int32(img.Controller), int64(img.Version)
				voter.LastFetchTimestamp, voter.LastCaughtUpTimestamp = now, now // as Kafka says of the leader
				p.LeaderID, p.HighWatermark = int32(img.Controller), int64(img.Version)
				p.CurrentVoters = append(p.CurrentVoters, voter)
				resp.Nodes = s.quorumNodes(c, img)
			}
			out.Partitions = append(out.Partitions, p)
		}
		resp.Topics = append(resp.Topics, out)
	}
	c.answer(resp)
}

// quorumNodes are the voters, with where they listen.
func (s *Server) quorumNodes(c *call, img *cluster.Image) []kmsg.DescribeQuorumResponseNode {
	return mapped(s.brokers(c.conn.listener, img), func(e protocol.NodeEndpoint) kmsg.DescribeQuorumResponseNode {
		l := kmsg.DescribeQuorumResponseNodeListener{Name: c.conn.listener.name, Host: e.Host, Port: uint16(e.Port)}
		return kmsg.DescribeQuorumResponseNode{NodeID: int32(e.Node), Listeners: []kmsg.DescribeQuorumResponseNodeListener{l}}
	})
}
