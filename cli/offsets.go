package cli

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// Times that ListOffsets takes for the two ends of a partition.
const (
	atEarliest int64 = -2
	atLatest   int64 = -1
)

// Isolation levels, as Kafka counts them.
const (
	readUncommitted int8 = 0
	readCommitted   int8 = 1
)

// found is the answer for one partition: the offset of the first record that is as late
// as was asked, or -1 if there is none.
type found struct {
	offset  int64
	refused error
}

// offsets asks where in their partitions a time is; at is in ms, or one of the ends.
func (c *client) offsets(ctx context.Context, topics []topic, at int64, isolation int8) (map[model.TopicPartition]found, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, isolation
	out := map[model.TopicPartition]found{}
	for i := range topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topics[i].name
		for _, p := range topics[i].partitions {
			if p.refused != nil {
				out[model.TopicPartition{Topic: t.Topic, Partition: p.number}] = found{refused: p.refused}
				continue
			}
			asked := kmsg.NewListOffsetsRequestTopicPartition()
			asked.Partition, asked.Timestamp = p.number, at
			t.Partitions = append(t.Partitions, asked)
		}
		if len(t.Partitions) > 0 {
			req.Topics = append(req.Topics, t)
		}
	}
	if len(req.Topics) == 0 {
		return out, nil
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return nil, c.explain(err)
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			of := fmt.Sprintf("partition %s-%d", words.Quoted(t.Topic), p.Partition)
			out[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = found{offset: p.Offset, refused: refused(of, p.ErrorCode, nil)}
		}
	}
	return out, nil
}

// sizes is how many bytes of disk partitions take: of several replicas the largest.
// What brokers do not say is left out.
func (c *client) sizes(ctx context.Context, topics []topic) map[model.TopicPartition]int64 {
	ctx, cancel := c.within(ctx)
	defer cancel()
	req := kmsg.NewPtrDescribeLogDirsRequest()
	for i := range topics {
		t := kmsg.NewDescribeLogDirsRequestTopic()
		t.Topic = topics[i].name
		for _, p := range topics[i].partitions {
			t.Partitions = append(t.Partitions, p.number)
		}
		req.Topics = append(req.Topics, t)
	}
	out := map[model.TopicPartition]int64{}
	for _, shard := range c.RequestSharded(ctx, req) {
		resp, ok := shard.Resp.(*kmsg.DescribeLogDirsResponse)
		if shard.Err != nil || !ok {
			continue
		}
		for i := range resp.Dirs {
			for j := range resp.Dirs[i].Topics {
				t := &resp.Dirs[i].Topics[j]
				for _, p := range t.Partitions {
					if p.IsFuture {
						continue
					}
					tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
					out[tp] = max(out[tp], p.Size)
				}
			}
		}
	}
	return out
}
