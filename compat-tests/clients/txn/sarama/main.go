// Command sarama does transactions as it is told. See ..
package main

import (
	"github.com/IBM/sarama"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/txn/commands"
)

func main() { commands.Main(start) }

// worker has a producer once it was told init, and a taker if it is of a group.
type worker struct {
	flags    commands.Flags
	producer sarama.SyncProducer
	taker    *taker
	taken    taken
}

func start(flags commands.Flags) (commands.Worker, error) { return &worker{flags: flags}, nil }

// config is what all clients of the worker have in common.
func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Return.Errors = false
	return c
}

func (w *worker) addrs() []string { return []string{w.flags["bootstrap"]} }

// Init makes the producer: sarama gets its id and epoch at once.
func (w *worker) Init() error {
	c := config()
	c.Producer.Idempotent = true
	c.Producer.Transaction.ID = w.flags["id"]
	c.Producer.Transaction.Timeout = w.flags.Millis("timeout")
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Net.MaxOpenRequests = 1 // What sarama wants of an idempotent producer.
	var err error
	if w.producer, err = sarama.NewSyncProducer(w.addrs(), c); err != nil || w.flags["group"] == "" {
		return err
	}
	w.taker, err = newTaker(w.addrs(), w.flags)
	return err
}

func (w *worker) Begin() error { return w.producer.BeginTxn() }

func (w *worker) Send(topic string, partition int32, values []string) error {
	ms := make([]*sarama.ProducerMessage, len(values))
	for i, v := range values {
		ms[i] = &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder(v)}
	}
	return w.producer.SendMessages(ms)
}

func (w *worker) Take() (int, error) {
	w.taken = w.taker.take()
	if len(w.taken.messages) == 0 {
		return 0, nil
	}
	if err := w.Begin(); err != nil {
		return 0, err
	}
	ms := make([]*sarama.ProducerMessage, len(w.taken.messages))
	for i, m := range w.taken.messages {
		ms[i] = &sarama.ProducerMessage{Topic: w.flags["to"], Partition: m.Partition, Value: sarama.ByteEncoder(m.Value)}
	}
	return len(ms), w.producer.SendMessages(ms)
}

func (w *worker) Offsets() error {
	next := map[int32]int64{}
	for _, m := range w.taken.messages {
		next[m.Partition] = m.Offset + 1
	}
	var offsets []*sarama.PartitionOffsetMetadata
	for p, o := range next {
		offsets = append(offsets, &sarama.PartitionOffsetMetadata{Partition: p, Offset: o})
	}
	return w.producer.AddOffsetsToTxnWithGroupMetadata(
		map[string][]*sarama.PartitionOffsetMetadata{w.flags["from"]: offsets}, &w.taken.member)
}

func (w *worker) Commit() error { return w.producer.CommitTxn() }

func (w *worker) Abort() error {
	err := w.producer.AbortTxn()
	if w.taker != nil {
		w.taker.again()
	}
	return err
}

func (w *worker) Read(topic string, partitions int32, committed bool, got func(commands.Record) bool) error {
	c := config()
	if committed {
		c.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer(w.addrs(), c)
	if err != nil {
		return err
	}
	for p := range partitions {
		pc, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		for m := range pc.Messages() {
			got(commands.Record{Partition: p, Offset: m.Offset, Value: string(m.Value)})
			if string(m.Value) == "end" {
				break
			}
		}
		if err := pc.Close(); err != nil {
			return err
		}
	}
	return consumer.Close()
}
