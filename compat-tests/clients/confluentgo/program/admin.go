package main

import (
	"context"
	"errors"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// admin does a thing with an admin client.
func (c *client) admin(do func(context.Context, *kafka.AdminClient) error) error {
	a, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": c.bootstrap})
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return do(ctx, a)
}

// failed is the error of answers, one for each topic.
func failed(topics []kafka.TopicResult, err error) error {
	for _, t := range topics {
		if t.Error.Code() != kafka.ErrNoError {
			err = errors.Join(err, t.Error)
		}
	}
	return err
}

func (c *client) Create(topic string, partitions int, name, value string) error {
	return c.admin(func(ctx context.Context, a *kafka.AdminClient) error {
		return failed(a.CreateTopics(ctx, []kafka.TopicSpecification{{
			Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, Config: map[string]string{name: value},
		}}))
	})
}

func (c *client) metadata(topic *string) (md *kafka.Metadata, err error) {
	err = c.admin(func(_ context.Context, a *kafka.AdminClient) error {
		md, err = a.GetMetadata(topic, topic == nil, int(within.Milliseconds()))
		return err
	})
	return md, err
}

func (c *client) List() (names []string, err error) {
	md, err := c.metadata(nil)
	if err != nil {
		return nil, err
	}
	for name := range md.Topics {
		names = append(names, name)
	}
	return names, nil
}

func (c *client) Describe(topic string) (partitions int, err error) {
	err = c.admin(func(ctx context.Context, a *kafka.AdminClient) error {
		answer, err := a.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{topic}))
		if err != nil {
			return err
		}
		d := answer.TopicDescriptions[0]
		if d.Error.Code() != kafka.ErrNoError {
			return d.Error
		}
		partitions = len(d.Partitions)
		return nil
	})
	return partitions, err
}

func (c *client) Config(topic, name string) (value string, err error) {
	err = c.admin(func(ctx context.Context, a *kafka.AdminClient) error {
		answers, err := a.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: topic}})
		if err != nil {
			return err
		}
		if answers[0].Error.Code() != kafka.ErrNoError {
			return answers[0].Error
		}
		value = answers[0].Config[name].Value
		return nil
	})
	return value, err
}

func (c *client) Alter(topic, name, value string) error {
	return c.admin(func(ctx context.Context, a *kafka.AdminClient) error {
		answers, err := a.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{
			Type: kafka.ResourceTopic, Name: topic,
			Config: []kafka.ConfigEntry{{Name: name, Value: value, IncrementalOperation: kafka.AlterConfigOpTypeSet}},
		}})
		if err == nil && answers[0].Error.Code() != kafka.ErrNoError {
			return answers[0].Error
		}
		return err
	})
}

func (c *client) Grow(topic string, partitions int) error {
	return c.admin(func(ctx context.Context, a *kafka.AdminClient) error {
		return failed(a.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: partitions}}))
	})
}

func (c *client) Delete(topic string) error {
	return c.admin(func(ctx context.Context, a *kafka.AdminClient) error {
		return failed(a.DeleteTopics(ctx, []string{topic}))
	})
}

// Offset: librdkafka has the numbers of the wire.
func (c *client) Offset(topic string, partition int32, at int64) (offset int64, err error) {
	err = c.admin(func(ctx context.Context, a *kafka.AdminClient) error {
		p := kafka.TopicPartition{Topic: &topic, Partition: partition}
		answer, err := a.ListOffsets(ctx, map[kafka.TopicPartition]kafka.OffsetSpec{p: kafka.OffsetSpec(at)})
		if err != nil {
			return err
		}
		for _, info := range answer.ResultInfos {
			if info.Error.Code() != kafka.ErrNoError {
				return info.Error
			}
			offset = int64(info.Offset)
		}
		return nil
	})
	return offset, err
}
