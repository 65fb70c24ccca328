// Command program is segmentio/kafka-go in everyday use, as it is told. See
// ../../everyday.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

func main() {
	commands.Main(func(bootstrap string) commands.Client {
		return &client{
			bootstrap: bootstrap, writers: map[string]*kafka.Writer{},
			admin: &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: time.Minute},
		}
	})
}

type client struct {
	bootstrap string
	writers   map[string]*kafka.Writer // by codec
	admin     *kafka.Client
	member    *kafka.Reader
	taken     []kafka.Message
}

// named sends each record where it says.
type named struct{}

func (named) Balance(m kafka.Message, _ ...int) int { return m.WriterData.(int) }

func (c *client) writer(codec string) *kafka.Writer {
	if w := c.writers[codec]; w != nil {
		return w
	}
	codecs := map[string]kafka.Compression{
		"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
	}
	// snippet: writer
	w := &kafka.Writer{
		Addr:         kafka.TCP(c.bootstrap),
		Compression:  codecs[codec],    // the zero value: none
		RequiredAcks: kafka.RequireAll, // by default none are asked for
		BatchTimeout: 10 * time.Millisecond,
	}
	// snippet: end
	w.Balancer = named{}
	c.writers[codec] = w
	return w
}

func (c *client) Produce(topic, codec string, _ bool, rs []commands.Record) error {
	ms := make([]kafka.Message, len(rs))
	for i, r := range rs {
		ms[i] = kafka.Message{
			Topic: topic, WriterData: int(r.Partition), Time: time.UnixMilli(r.Timestamp),
			Key: commands.Bytes(r.Key), Value: commands.Bytes(r.Value),
		}
		for _, h := range r.Headers {
			ms[i].Headers = append(ms[i].Headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
		}
	}
	return c.writer(codec).WriteMessages(context.Background(), ms...)
}

func (c *client) Transact(string, string, bool, []commands.Record) error { return commands.ErrLacks }

func record(m kafka.Message) commands.Record {
	r := commands.Record{
		Partition: int32(m.Partition), Offset: m.Offset, Timestamp: m.Time.UnixMilli(),
		Key: commands.Text(m.Key), Value: commands.Text(m.Value),
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, commands.Header{h.Key, string(h.Value)})
	}
	return r
}

// Read has a reader for each partition.
func (c *client) Read(topic string, partitions int32, committed bool, got func(commands.Record) bool) error {
	level := kafka.ReadUncommitted
	if committed {
		level = kafka.ReadCommitted
	}
	ctx, cancel := context.WithCancel(context.Background())
	all := make(chan kafka.Message)
	defer cancel()
	for p := range partitions {
		r := kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{c.bootstrap}, Topic: topic, Partition: int(p), IsolationLevel: level, MaxWait: 250 * time.Millisecond,
		})
		defer func() { _ = r.Close() }()
		go func() {
			for {
				m, err := r.ReadMessage(ctx)
				if err != nil {
					return // The reader tries again what can be: this is the end.
				}
				select {
				case all <- m:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	for got(record(<-all)) {
	}
	return nil
}

func (c *client) Join(topic, group, _ string) error {
	// snippet: reader
	c.member = kafka.NewReader(kafka.ReaderConfig{
		Brokers:     []string{c.bootstrap},
		GroupID:     group,
		Topic:       topic,
		StartOffset: kafka.FirstOffset, // where a group begins that has committed nothing
		MaxWait:     250 * time.Millisecond,
	})
	// snippet: end
	return nil
}

func (c *client) Take(got func(commands.Record) bool) error {
	for {
		// What went wrong with a broker that was away is told, and the reader goes on.
		m, err := c.member.FetchMessage(context.Background())
		if errors.Is(err, io.EOF) {
			return err // It is closed.
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		c.taken = append(c.taken, m)
		if !got(record(m)) {
			return nil
		}
	}
}

// Commit tries again where the reader does not: with the connection of a generation
// that a restart of the broker has ended, until it is of the next one.
func (c *client) Commit() (err error) {
	for range 60 {
		if err = c.member.CommitMessages(context.Background(), c.taken...); err == nil {
			c.taken = nil
			return nil
		}
	}
	return err
}

func (c *client) Leave() error { return c.member.Close() }
