package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/txn/commands"
)

// takeMost and idle bound what is taken at once.
const (
	takeMost = 100
	idle     = 200 * time.Millisecond
)

// taken is what a worker got, and as which member.
type taken struct {
	messages []*sarama.ConsumerMessage
	member   sarama.ConsumerGroupMetadata
}

// message is one with the member that got it.
type message struct {
	*sarama.ConsumerMessage
	member sarama.ConsumerGroupMetadata
}

// taker is a member of a group: its one goroutine hands over what sarama gives it.
type taker struct {
	group  string
	topic  string
	client sarama.ConsumerGroup
	queue  chan message
	stop   context.CancelFunc
	ended  chan struct{}
}

func newTaker(addrs []string, flags commands.Flags) (*taker, error) {
	c := config()
	c.Consumer.Group.Session.Timeout = flags.Millis("session")
	c.Consumer.Group.Heartbeat.Interval = flags.Millis("session") / 10
	// Else it would go on from offsets that a transaction may still replace.
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	client, err := sarama.NewConsumerGroup(addrs, flags["group"], c)
	if err != nil {
		return nil, err
	}
	t := &taker{group: flags["group"], topic: flags["from"], client: client}
	t.join()
	return t, nil
}

func (t *taker) join() {
	var ctx context.Context
	ctx, t.stop = context.WithCancel(context.Background())
	t.queue, t.ended = make(chan message), make(chan struct{})
	go func() {
		defer close(t.ended)
		for ctx.Err() == nil {
			if err := t.client.Consume(ctx, []string{t.topic}, t); err != nil {
				fmt.Fprintln(os.Stderr, "consume:", err)
			}
		}
	}()
}

// again leaves and joins: sarama can not go back in the middle of a session.
func (t *taker) again() {
	t.stop()
	<-t.ended
	t.join()
}

// take waits a second for the first message, and for further ones only shortly. All
// are of one session.
func (t *taker) take() taken {
	var got taken
	for wait := time.Second; len(got.messages) < takeMost; wait = idle {
		select {
		case m := <-t.queue:
			if len(got.messages) > 0 && m.member.GenerationID != got.member.GenerationID {
				got.messages = nil // Its partitions were given anew, from what is committed.
			}
			got.messages = append(got.messages, m.ConsumerMessage)
			got.member = m.member
		case <-time.After(wait):
			return got
		}
	}
	return got
}

// Setup is for sarama.
func (t *taker) Setup(sarama.ConsumerGroupSession) error { return nil }

// Cleanup is for sarama.
func (t *taker) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim hands over the messages of a partition.
func (t *taker) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	member := sarama.ConsumerGroupMetadata{GroupID: t.group, GenerationID: s.GenerationID(), MemberID: s.MemberID()}
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			select {
			case t.queue <- message{m, member}:
			case <-s.Context().Done():
				return nil
			}
		case <-s.Context().Done():
			return nil
		}
	}
}
