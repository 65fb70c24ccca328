package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// begin leaves a transaction open, as a producer that crashed does.
func (b *scriptBroker) begin(id, topic, records string, timeout ...string) error {
	n, err := strconv.Atoi(records)
	if err != nil {
		return err
	}
	open := 40 * time.Second
	if len(timeout) > 0 {
		if open, err = time.ParseDuration(timeout[0]); err != nil {
			return err
		}
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(b.kafka), kgo.TransactionalID(id), kgo.TransactionTimeout(open), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer c.Close() // without a word to the coordinator
	if err := c.BeginTransaction(); err != nil {
		return err
	}
	for i := range n {
		if err := c.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// hang writes records of a transaction to the first partition of a topic that nobody
// has begun: with verification switched off for a moment, the broker takes them.
func (b *scriptBroker) hang(producer, topic, records string) error {
	id, err := strconv.ParseInt(producer, 10, 64)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(records)
	if err != nil {
		return err
	}
	build := batch.NewBuilder(batch.None)
	build.ProducerID, build.ProducerEpoch, build.BaseSequence, build.Transactional = model.ProducerID(id), 0, 0, true
	for i := range n {
		build.Add(time.Now().UnixMilli(), nil, []byte(strconv.Itoa(i)))
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis, req.TransactionID = -1, 10_000, kmsg.StringPtr("hung")
	part := kmsg.NewProduceRequestTopicPartition()
	if part.Records, err = build.Build(nil); err != nil {
		return err
	}
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{part}}}
	if err := b.verify("false"); err != nil {
		return err
	}
	resp, err := req.RequestWith(context.Background(), b.client)
	if err == nil && resp.Topics[0].Partitions[0].ErrorCode != 0 {
		err = fmt.Errorf("produce: error %d", resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return err
	}
	return b.verify("true")
}

// verify switches the verification of transactions in partitions.
func (b *scriptBroker) verify(on string) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: kmsg.ConfigResourceTypeBroker,
		Configs:      []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "transaction.partition.verification.enable", Value: &on}},
	}}
	resp, err := req.RequestWith(context.Background(), b.client)
	if err == nil && resp.Resources[0].ErrorCode != 0 {
		err = fmt.Errorf("alter configs: error %d", resp.Resources[0].ErrorCode)
	}
	return err
}
