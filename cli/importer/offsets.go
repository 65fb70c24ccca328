package importer

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// What ListOffsets is asked for, in Kafka's numbers.
const (
	atLatest   int64 = -1
	atEarliest int64 = -2
	atMaxTime  int64 = -3

	readUncommitted int8 = 0
	readCommitted   int8 = 1
)

// place is an answer of ListOffsets.
type place struct {
	offset model.Offset
	time   int64
}

// place asks the leader of a partition.
func (s *side) place(ctx context.Context, tp model.TopicPartition, at int64, isolation int8) (place, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, isolation
	t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	t.Topic, p.Partition, p.Timestamp = tp.Topic, tp.Partition, at
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	got, err := s.askLeader(ctx, tp, req)
	if err != nil {
		return place{}, err
	}
	resp, _ := got.(*kmsg.ListOffsetsResponse)
	if resp == nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return place{}, fmt.Errorf("the %s has not answered for %s-%d", s.name, tp.Topic, tp.Partition)
	}
	answer := &resp.Topics[0].Partitions[0]
	if err := s.refusedPartition(tp, answer.ErrorCode, nil); err != nil {
		return place{}, err
	}
	return place{model.Offset(answer.Offset), answer.Timestamp}, nil
}

// refusedPartition is refused for a partition, whose leader may be another one by now.
func (s *side) refusedPartition(tp model.TopicPartition, code int16, message *string) error {
	if code == 0 {
		return nil
	}
	s.forget(tp)
	return s.refused(fmt.Sprintf("partition %s-%d", tp.Topic, tp.Partition), code, message)
}

// borders are a partition's.
type borders struct{ start, stable, end model.Offset }

func (s *side) borders(ctx context.Context, tp model.TopicPartition) (b borders, err error) {
	for _, ask := range []struct {
		into      *model.Offset
		at        int64
		isolation int8
	}{{&b.start, atEarliest, readUncommitted}, {&b.stable, atLatest, readCommitted}, {&b.end, atLatest, readUncommitted}} {
		got, err := s.place(ctx, tp, ask.at, ask.isolation)
		if err != nil {
			return b, err
		}
		*ask.into = got.offset
	}
	return b, nil
}
