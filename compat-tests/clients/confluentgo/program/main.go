// Command program is confluent-kafka-go in everyday use, as it is told. See
// ../../everyday.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

func main() {
	commands.Main(func(bootstrap string) commands.Client {
		return &client{bootstrap: bootstrap, producers: map[string]*kafka.Producer{}}
	})
}

// within bounds one call.
const within = time.Minute

type client struct {
	bootstrap string
	producers map[string]*kafka.Producer
	member    *kafka.Consumer
	last      map[int32]kafka.TopicPartition // what was taken, by partition
}

func (c *client) producer(name string, conf kafka.ConfigMap) (*kafka.Producer, error) {
	if p := c.producers[name]; p != nil {
		return p, nil
	}
	p, err := kafka.NewProducer(&conf)
	if err != nil {
		return nil, err
	}
	c.producers[name] = p
	go func() {
		for range p.Events() { // errors of connections: the client tries again
		}
	}()
	return p, nil
}

func (c *client) Produce(topic, codec string, idempotent bool, rs []commands.Record) error {
	// snippet: producer
	conf := kafka.ConfigMap{
		"bootstrap.servers":  c.bootstrap,
		"compression.codec":  codec,
		"enable.idempotence": idempotent,
	}
	// snippet: end
	p, err := c.producer(fmt.Sprint(codec, idempotent), conf)
	if err != nil {
		return err
	}
	return send(p, topic, rs)
}

func send(p *kafka.Producer, topic string, rs []commands.Record) error {
	reports := make(chan kafka.Event, len(rs))
	for _, r := range rs {
		m := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: r.Partition},
			Key:            commands.Bytes(r.Key), Value: commands.Bytes(r.Value), Timestamp: time.UnixMilli(r.Timestamp),
		}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
		}
		if err := p.Produce(m, reports); err != nil {
			return err
		}
	}
	var errs []error
	for range rs {
		if m, ok := (<-reports).(*kafka.Message); ok && m.TopicPartition.Error != nil {
			errs = append(errs, m.TopicPartition.Error)
		}
	}
	return errors.Join(errs...)
}

func (c *client) Transact(topic, id string, commit bool, rs []commands.Record) error {
	fresh := c.producers[id] == nil
	p, err := c.producer(id, kafka.ConfigMap{"bootstrap.servers": c.bootstrap, "transactional.id": id})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if fresh {
		if err := p.InitTransactions(ctx); err != nil {
			return err
		}
	}
	if err := p.BeginTransaction(); err != nil {
		return err
	}
	if err := send(p, topic, rs); err != nil {
		return err
	}
	if commit {
		return p.CommitTransaction(ctx)
	}
	return p.AbortTransaction(ctx)
}

func record(m *kafka.Message) commands.Record {
	r := commands.Record{
		Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset), Timestamp: m.Timestamp.UnixMilli(),
		Key: commands.Text(m.Key), Value: commands.Text(m.Value),
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, commands.Header{h.Key, string(h.Value)})
	}
	return r
}

func (c *client) Read(topic string, partitions int32, committed bool, got func(commands.Record) bool) error {
	level := "read_uncommitted"
	if committed {
		level = "read_committed"
	}
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": c.bootstrap, "group.id": "reads", "enable.auto.commit": false, "isolation.level": level,
	})
	if err != nil {
		return err
	}
	defer consumer.Close()
	var all []kafka.TopicPartition
	for p := range partitions {
		all = append(all, kafka.TopicPartition{Topic: &topic, Partition: p, Offset: kafka.OffsetBeginning})
	}
	if err := consumer.Assign(all); err != nil {
		return err
	}
	return poll(consumer, func(m *kafka.Message) bool { return got(record(m)) })
}

// poll reads until no more is wanted. The client gets over all errors but fatal ones.
func poll(consumer *kafka.Consumer, got func(*kafka.Message) bool) error {
	for {
		switch e := consumer.Poll(100).(type) {
		case *kafka.Message:
			if e.TopicPartition.Error != nil {
				return e.TopicPartition.Error
			}
			if !got(e) {
				return nil
			}
		case kafka.Error:
			if e.IsFatal() {
				return e
			}
		}
	}
}

func (c *client) Join(topic, group, protocol string) error {
	// snippet: consumer
	conf := kafka.ConfigMap{
		"bootstrap.servers":  c.bootstrap,
		"group.id":           group,
		"group.protocol":     protocol, // "classic", the default, or "consumer"
		"auto.offset.reset":  "earliest",
		"enable.auto.commit": false,
	}
	consumer, err := kafka.NewConsumer(&conf)
	// snippet: end
	if err != nil {
		return err
	}
	c.member, c.last = consumer, map[int32]kafka.TopicPartition{}
	return consumer.Subscribe(topic, nil)
}

func (c *client) Take(got func(commands.Record) bool) error {
	return poll(c.member, func(m *kafka.Message) bool {
		next := m.TopicPartition
		next.Offset++
		c.last[next.Partition] = next
		return got(record(m))
	})
}

func (c *client) Commit() error {
	var all []kafka.TopicPartition
	for _, p := range c.last {
		all = append(all, p)
	}
	answered, err := c.member.CommitOffsets(all)
	for _, p := range answered {
		err = errors.Join(err, p.Error)
	}
	return err
}

func (c *client) Leave() error { return c.member.Close() }
