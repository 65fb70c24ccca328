package main

import (
	"context"

	"github.com/segmentio/kafka-go"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

func (c *client) Create(topic string, partitions int, name, value string) error {
	answer, err := c.admin.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: partitions, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: name, ConfigValue: value}},
	}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (c *client) List() (names []string, err error) {
	answer, err := c.admin.Metadata(context.Background(), &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	for _, t := range answer.Topics {
		names = append(names, t.Name)
	}
	return names, nil
}

func (c *client) Describe(topic string) (int, error) {
	answer, err := c.admin.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	return len(answer.Topics[0].Partitions), answer.Topics[0].Error
}

func (c *client) Config(topic, name string) (string, error) {
	answer, err := c.admin.DescribeConfigs(context.Background(), &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{name},
	}}})
	if err != nil {
		return "", err
	}
	r := answer.Resources[0]
	if r.Error != nil || len(r.ConfigEntries) == 0 {
		return "", r.Error
	}
	return r.ConfigEntries[0].ConfigValue, nil
}

func (c *client) Alter(topic, name, value string) error {
	answer, err := c.admin.IncrementalAlterConfigs(context.Background(), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: name, Value: value, ConfigOperation: kafka.ConfigOperationSet}},
		}},
	})
	if err != nil {
		return err
	}
	return answer.Resources[0].Error
}

func (c *client) Grow(topic string, partitions int) error {
	answer, err := c.admin.CreatePartitions(context.Background(), &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{
		Name: topic, Count: int32(partitions),
	}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (c *client) Delete(topic string) error {
	answer, err := c.admin.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

// Offset: the answer has the ends apart, and the others by their offset.
func (c *client) Offset(topic string, partition int32, at int64) (int64, error) {
	answer, err := c.admin.ListOffsets(context.Background(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {{Partition: int(partition), Timestamp: at}}},
	})
	if err != nil {
		return 0, err
	}
	p := answer.Topics[topic][0]
	switch at {
	case commands.Earliest:
		return p.FirstOffset, p.Error
	case commands.Latest:
		return p.LastOffset, p.Error
	}
	for offset := range p.Offsets {
		return offset, p.Error
	}
	return -1, p.Error
}
