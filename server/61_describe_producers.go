package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// DescribeProducers (key 61), version 0.
//
// Differs from Kafka: the last timestamp of a producer is when its newest batch
// came, whatever time the batch says.
func (s *Server) describeProducers(c *call, req *kmsg.DescribeProducersRequest) {
	resp := kmsg.NewPtrDescribeProducersResponse()
	size := 0
	for _, t := range req.Topics {
		topic := kmsg.NewDescribeProducersResponseTopic()
		topic.Topic = t.Topic
		for _, n := range t.Partitions {
			p := s.producersOf(c, t.Topic, n)
			size += partitionWeight + producerWeight*len(p.ActiveProducers)
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	c.encodeWeighed(resp, size)
}

// producerWeight is what a producer takes in an answer.
const producerWeight = 96

func (s *Server) producersOf(c *call, topic string, partition int32) kmsg.DescribeProducersResponseTopicPartition {
	out := kmsg.NewDescribeProducersResponseTopicPartition()
	out.Partition = partition
	p, err := s.partitions.Find(topic, partition)
	var all []replication.ProducerInfo
	if err == nil {
		all, err = p.Producers()
	}
	if err != nil {
		out.ErrorCode, out.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
		return out
	}
	for i := range all {
		from := &all[i]
		out.ActiveProducers = append(out.ActiveProducers, kmsg.DescribeProducersResponseTopicPartitionActiveProducer{
			ProducerID: int64(from.ID), ProducerEpoch: int32(from.Epoch), LastSequence: from.LastSequence, LastTimestamp: from.LastTimestamp,
			CoordinatorEpoch: from.CoordinatorEpoch, CurrentTxnStartOffset: int64(from.TxnFirst),
		})
	}
	return out
}
