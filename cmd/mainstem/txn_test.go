package main

import (
	"context"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// begin leaves a transaction open, as a producer that crashed does.
func (b *scriptBroker) begin(id, topic, records string) error {
	n, err := strconv.Atoi(records)
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(b.kafka), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
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
