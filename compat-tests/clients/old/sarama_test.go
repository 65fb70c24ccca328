package old

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestSarama: sarama as applications pin it to a version of brokers. It asks for the
// versions of that time. Its consumer groups begin with 0.10.2, which is Telegraf's default.
func TestSarama(t *testing.T) {
	for _, version := range []sarama.KafkaVersion{sarama.V0_8_2_0, sarama.V0_9_0_0, sarama.V0_10_0_0, sarama.V0_10_2_0} {
		t.Run(version.String(), func(t *testing.T) {
			testbroker.Quick(t)
			s := saramaClient{version: version}
			c := client{codecs: []string{"none", "gzip", "snappy", "lz4"}, produce: s.produce, consume: s.consume, groups: true}
			if !version.IsAtLeast(sarama.V0_10_0_0) {
				c.codecs = c.codecs[:3] // It refuses LZ4 before.
			}
			if version == sarama.V0_10_2_0 {
				c.consume = s.join
			}
			scenario(t, c)
		})
	}
}

// TestTelegraf: sarama as Telegraf's kafka_consumer has it by default: 0.10.2.0, a group,
// range, commits by time and at the end.
func TestTelegraf(t *testing.T) {
	testbroker.Quick(t)
	s := saramaClient{version: sarama.V0_10_2_0, telegraf: true}
	scenario(t, client{codecs: []string{"none", "gzip", "snappy", "lz4"}, produce: s.produce, consume: s.join, groups: true})
}

type saramaClient struct {
	version  sarama.KafkaVersion
	telegraf bool
}

func (s saramaClient) config(codec string, fetchBytes int) *sarama.Config {
	// snippet: config
	c := sarama.NewConfig()
	c.Version = s.version // such as sarama.V0_8_2_0
	// snippet: end
	c.ClientID = "old-sarama"
	c.Producer.Compression = map[string]sarama.CompressionCodec{
		"": sarama.CompressionNone, "none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4,
	}[codec]
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	if s.telegraf {
		c.ClientID = "Telegraf"
		c.Consumer.Offsets.AutoCommit.Enable = true
		c.Consumer.MaxProcessingTime = 100 * time.Millisecond
		c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	}
	if fetchBytes > 0 {
		c.Consumer.Fetch.Default = int32(fetchBytes)
	}
	return c
}

func (s saramaClient) produce(t *testing.T, topic, codec string) (offsets []int64, err error) {
	t.Helper()
	p, err := sarama.NewSyncProducer([]string{shared.Addr()}, s.config(codec, 0))
	if err != nil {
		return nil, err
	}
	defer closed(t, p.Close)
	encode := func(text string) sarama.Encoder {
		if text == "null" {
			return nil
		}
		return sarama.StringEncoder(text)
	}
	var all []*sarama.ProducerMessage
	for i := range count {
		all = append(all, &sarama.ProducerMessage{Topic: topic, Key: encode(keyOf(i)), Value: encode(valueOf(codec, i))})
	}
	if err := p.SendMessages(all); err != nil {
		return nil, err
	}
	for _, m := range all {
		offsets = append(offsets, m.Offset)
	}
	return offsets, nil
}

// closed closes a client at the end of a test.
func closed(t *testing.T, end func() error) {
	t.Helper()
	if err := end(); err != nil {
		t.Error(err)
	}
}

func recordOf(m *sarama.ConsumerMessage) record {
	text := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return string(b)
	}
	return record{m.Offset, text(m.Key), text(m.Value)}
}

// consume reads a partition, and commits by an offset manager.
func (s saramaClient) consume(t *testing.T, topic, group string, n, fetchBytes int) (all []record) {
	t.Helper()
	cl, err := sarama.NewClient([]string{shared.Addr()}, s.config("", fetchBytes))
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, cl.Close)
	c, err := sarama.NewConsumerFromClient(cl)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, c.Close)
	p, err := c.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, p.Close)
	ctx := within(t)
	for len(all) < n {
		select {
		case m := <-p.Messages():
			all = append(all, recordOf(m))
		case <-ctx.Done():
			t.Fatalf("%d of %d records", len(all), n)
		}
	}
	offsets, err := sarama.NewOffsetManagerFromClient(group, cl)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, offsets.Close)
	at, err := offsets.ManagePartition(topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer at.AsyncClose() // Without auto-commit, its manager's Close ends it.
	at.MarkOffset(all[n-1].offset+1, "")
	offsets.Commit()
	return all
}

// join reads as a member of a group.
func (s saramaClient) join(t *testing.T, topic, group string, n, fetchBytes int) []record {
	t.Helper()
	g, err := sarama.NewConsumerGroup([]string{shared.Addr()}, group, s.config("", fetchBytes))
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, g.Close)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	m := &saramaMember{left: n, enough: cancel, marks: s.telegraf}
	for ctx.Err() == nil {
		if err := g.Consume(ctx, []string{topic}, m); err != nil {
			t.Fatal(err)
		}
	}
	return m.got
}

// saramaMember takes records until it has enough, and commits.
type saramaMember struct {
	left   int
	enough context.CancelFunc
	marks  bool // and leaves the commits to sarama
	got    []record
}

func (*saramaMember) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*saramaMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *saramaMember) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for r := range claim.Messages() {
		m.got = append(m.got, recordOf(r))
		if m.marks {
			s.MarkMessage(r, "")
		}
		if m.left--; m.left == 0 {
			if !m.marks {
				s.MarkMessage(r, "")
				s.Commit()
			}
			m.enough()
		}
	}
	return nil
}
