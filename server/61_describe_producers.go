package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// DescribeProducers (key 61), version 0.
//
// Differs from Kafka:
//   - The last timestamp of a producer is when its newest batch came, whatever time
//     the batch says.
//   - What is asked for twice is answered once.
func (s *Server) describeProducers(c *call, req *kmsg.DescribeProducersRequest) {
	resp := kmsg.NewPtrDescribeProducersResponse()
	for _, t := range describedProducers(req) {
		topic := kmsg.NewDescribeProducersResponseTopic()
		topic.Topic = t.Topic
		for _, n := range t.Partitions {
			topic.Partitions = append(topic.Partitions, s.producersOf(c, t.Topic, n))
		}
		resp.Topics = append(resp.Topics, topic)
	}
	c.answer(resp)
}

// describedProducers is what the request asks for, each partition once.
func describedProducers(req *kmsg.DescribeProducersRequest) []kmsg.DescribeProducersRequestTopic {
	req.Topics = distinct(req.Topics, func(t kmsg.DescribeProducersRequestTopic) string { return t.Topic })
	for i := range req.Topics {
		req.Topics[i].Partitions = distinct(req.Topics[i].Partitions, itself)
	}
	return req.Topics
}

func (s *Server) weighProducers(req *kmsg.DescribeProducersRequest) int {
	w := 0
	for _, t := range describedProducers(req) {
		w += topicWeight + len(t.Topic)
		for _, n := range t.Partitions {
			w += partitionWeight
			if p, gone := s.partitions.Find(t.Topic, n); gone == nil {
				w += producerWeight * p.ProducerCount()
			}
		}
	}
	return w
}

// producerWeight is what a producer takes on its way into an answer.
const producerWeight = 512

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
