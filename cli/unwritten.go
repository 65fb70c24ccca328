package cli

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// unwritten says why a partition takes no records, as its broker tells it; nil if that
// does not say. The client sends records again and again, and keeps to itself what it
// was told. This request has none, so that it changes nothing; what a broker that is well
// says of that is not the reason.
func (c *client) unwritten(name string, number int32) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	topics, err := c.topics(ctx, []string{name})
	if err != nil {
		return nil // it says nothing of the partition
	}
	i := slices.IndexFunc(topics[0].partitions, func(p partition) bool { return p.number == number })
	if i < 0 {
		return nil
	}
	p := topics[0].partitions[i]
	if p.refused != nil {
		return p.refused
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(c.timeout.Milliseconds())
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition = number
	of := kmsg.NewProduceRequestTopic()
	of.Topic, of.TopicID, of.Partitions = name, topics[0].id, []kmsg.ProduceRequestTopicPartition{part}
	req.Topics = []kmsg.ProduceRequestTopic{of}
	resp, err := c.Broker(int(p.leader)).Request(ctx, req)
	told, ok := resp.(*kmsg.ProduceResponse)
	if err != nil || !ok || len(told.Topics) != 1 || len(told.Topics[0].Partitions) != 1 {
		return nil // neither does this
	}
	answer := &told.Topics[0].Partitions[0]
	if !kerr.IsRetriable(kerr.ErrorForCode(answer.ErrorCode)) {
		return nil
	}
	return refused("its broker says", answer.ErrorCode, answer.ErrorMessage)
}
