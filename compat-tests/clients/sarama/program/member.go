package main

import (
	"context"

	"github.com/IBM/sarama"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

// member is a consumer of a group. Each claim hands its records over one by one, and
// marks those that were taken.
type member struct {
	group  sarama.ConsumerGroup
	claims chan taken
	done   chan struct{} // closed when the member has left
	last   sarama.ConsumerGroupSession
}

// taken is a record with its session, by which it is marked and committed.
type taken struct {
	message *sarama.ConsumerMessage
	session sarama.ConsumerGroupSession
}

func (c *client) Join(topic, group, _ string) error {
	g, err := sarama.NewConsumerGroup(c.addrs, group, config())
	if err != nil {
		return err
	}
	m := &member{group: g, claims: make(chan taken), done: make(chan struct{})}
	c.member = m
	go func() {
		defer close(m.done)
		// Consume ends with each rebalance, and when the broker is away.
		for err := error(nil); err != sarama.ErrClosedConsumerGroup; {
			err = g.Consume(context.Background(), []string{topic}, &handler{member: m})
		}
	}()
	return nil
}

// handler takes part in one generation.
type handler struct{ member *member }

func (h *handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			select {
			case h.member.claims <- taken{m, s}:
			case <-s.Context().Done():
				return nil
			}
		case <-s.Context().Done():
			return nil
		}
	}
}

func (c *client) Take(got func(commands.Record) bool) error {
	for {
		t := <-c.member.claims
		t.session.MarkMessage(t.message, "")
		c.member.last = t.session
		if !got(record(t.message)) {
			return nil
		}
	}
}

// Commit waits for the answer, but sarama does not tell it: what it says of the
// broker's answer is in Errors.
func (c *client) Commit() error {
	c.member.last.Commit()
	return nil
}

func (c *client) Leave() error {
	err := c.member.group.Close()
	<-c.member.done
	return err
}
