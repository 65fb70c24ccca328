// Command program is sarama in everyday use, as it is told. See ../../everyday.
package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

func main() {
	commands.Main(func(bootstrap string) commands.Client {
		return &client{addrs: []string{bootstrap}, producers: map[string]sarama.SyncProducer{}}
	})
}

type client struct {
	addrs     []string
	producers map[string]sarama.SyncProducer
	member    *member
}

// config is what all of the client has in common.
func config() *sarama.Config {
	// snippet: config
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0 // the newest feature set: sarama takes an old one by default
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	// A broker that restarts is away for longer than the default of three tries.
	c.Producer.Retry.Max = 100
	c.Metadata.Retry.Max = 100
	c.Consumer.Group.Rebalance.Retry.Max = 100
	// snippet: end
	c.Producer.Partitioner = sarama.NewManualPartitioner
	return c
}

// idempotent is what else an idempotent producer needs.
func idempotent(c *sarama.Config) {
	// snippet: idempotent
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	// snippet: end
}

func (c *client) producer(kind string, set func(*sarama.Config)) (sarama.SyncProducer, error) {
	if p := c.producers[kind]; p != nil {
		return p, nil
	}
	conf := config()
	set(conf)
	p, err := sarama.NewSyncProducer(c.addrs, conf)
	if err == nil {
		c.producers[kind] = p
	}
	return p, err
}

func (c *client) Produce(topic, codec string, once bool, rs []commands.Record) error {
	p, err := c.producer(fmt.Sprint(codec, once), func(conf *sarama.Config) {
		codecs := map[string]sarama.CompressionCodec{
			"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
			"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
		}
		conf.Producer.Compression = codecs[codec]
		if once {
			idempotent(conf)
		}
	})
	if err != nil {
		return err
	}
	return p.SendMessages(messages(topic, rs))
}

func (c *client) Transact(topic, id string, commit bool, rs []commands.Record) error {
	p, err := c.producer(id, func(conf *sarama.Config) {
		idempotent(conf)
		conf.Producer.Transaction.ID = id
	})
	if err != nil {
		return err
	}
	if err := p.BeginTxn(); err != nil {
		return err
	}
	if err := p.SendMessages(messages(topic, rs)); err != nil {
		return err
	}
	if commit {
		return p.CommitTxn()
	}
	return p.AbortTxn()
}

func messages(topic string, rs []commands.Record) []*sarama.ProducerMessage {
	ms := make([]*sarama.ProducerMessage, len(rs))
	for i, r := range rs {
		ms[i] = &sarama.ProducerMessage{Topic: topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp)}
		if r.Key != nil {
			ms[i].Key = sarama.StringEncoder(*r.Key)
		}
		if r.Value != nil {
			ms[i].Value = sarama.StringEncoder(*r.Value)
		}
		for _, h := range r.Headers {
			ms[i].Headers = append(ms[i].Headers, sarama.RecordHeader{Key: []byte(h[0]), Value: []byte(h[1])})
		}
	}
	return ms
}

func record(m *sarama.ConsumerMessage) commands.Record {
	r := commands.Record{
		Partition: m.Partition, Offset: m.Offset, Timestamp: m.Timestamp.UnixMilli(),
		Key: commands.Text(m.Key), Value: commands.Text(m.Value),
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, commands.Header{string(h.Key), string(h.Value)})
	}
	return r
}

func (c *client) Read(topic string, partitions int32, committed bool, got func(commands.Record) bool) error {
	conf := config()
	if committed {
		conf.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer(c.addrs, conf)
	if err != nil {
		return err
	}
	defer func() { _ = consumer.Close() }()
	all, done := make(chan *sarama.ConsumerMessage), make(chan struct{})
	defer close(done)
	for p := range partitions {
		pc, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		defer pc.AsyncClose()
		go func() {
			for m := range pc.Messages() {
				select {
				case all <- m:
				case <-done:
				}
			}
		}()
	}
	for got(record(<-all)) {
	}
	return nil
}

func (c *client) admin(do func(sarama.ClusterAdmin) error) error {
	admin, err := sarama.NewClusterAdmin(c.addrs, config())
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	return do(admin)
}

func (c *client) Create(topic string, partitions int, name, value string) error {
	return c.admin(func(a sarama.ClusterAdmin) error {
		return a.CreateTopic(topic, &sarama.TopicDetail{
			NumPartitions: int32(partitions), ReplicationFactor: 1, ConfigEntries: map[string]*string{name: &value},
		}, false)
	})
}

func (c *client) List() (names []string, err error) {
	err = c.admin(func(a sarama.ClusterAdmin) error {
		topics, err := a.ListTopics()
		for name := range topics {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

func (c *client) Describe(topic string) (partitions int, err error) {
	err = c.admin(func(a sarama.ClusterAdmin) error {
		topics, err := a.DescribeTopics([]string{topic})
		if err == nil {
			partitions = len(topics[0].Partitions)
		}
		return err
	})
	return partitions, err
}

func (c *client) Config(topic, name string) (value string, err error) {
	err = c.admin(func(a sarama.ClusterAdmin) error {
		resource := &sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}
		results, err := a.DescribeConfigs([]*sarama.ConfigResource{resource}, sarama.DescribeConfigsOptions{})
		if err != nil {
			return err
		}
		if results[0].ErrorCode != 0 {
			return results[0].ErrorCode
		}
		entries := results[0].Configs
		if i := slices.IndexFunc(entries, func(e sarama.ConfigEntry) bool { return e.Name == name }); i >= 0 {
			value = entries[i].Value
		}
		return nil
	})
	return value, err
}

func (c *client) Alter(topic, name, value string) error {
	return c.admin(func(a sarama.ClusterAdmin) error {
		entries := map[string]sarama.IncrementalAlterConfigsEntry{
			name: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
		}
		return a.IncrementalAlterConfig(sarama.TopicResource, topic, entries, false)
	})
}

func (c *client) Grow(topic string, partitions int) error {
	return c.admin(func(a sarama.ClusterAdmin) error {
		return a.CreatePartitions(topic, int32(partitions), nil, false)
	})
}

func (c *client) Delete(topic string) error {
	return c.admin(func(a sarama.ClusterAdmin) error { return a.DeleteTopic(topic) })
}

// Offset: sarama has the numbers of the wire.
func (c *client) Offset(topic string, partition int32, at int64) (int64, error) {
	cl, err := sarama.NewClient(c.addrs, config())
	if err != nil {
		return 0, err
	}
	defer func() { _ = cl.Close() }()
	return cl.GetOffset(topic, partition, at)
}
