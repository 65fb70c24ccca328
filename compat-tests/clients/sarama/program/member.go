package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

// member is a consumer of a group. Each claim hands its records over one by one. A
// session may end at any time, and the next one brings again what was not committed:
// what was taken is kept here, so that it is taken once and committed by any session.
type member struct {
	group    sarama.ConsumerGroup
	name     string
	topic    string
	claims   chan *sarama.ConsumerMessage
	sessions chan sarama.ConsumerGroupSession // the one that goes on, for who commits
	done     chan struct{}                    // closed when the member has left
	next     map[int32]int64                  // offsets behind what was taken
}

func (c *client) Join(topic, group, _ string) error {
	g, err := sarama.NewConsumerGroup(c.addrs, group, config())
	if err != nil {
		return err
	}
	m := &member{
		group: g, name: group, topic: topic, claims: make(chan *sarama.ConsumerMessage),
		sessions: make(chan sarama.ConsumerGroupSession), done: make(chan struct{}), next: map[int32]int64{},
	}
	c.member = m
	go func() {
		defer close(m.done)
		// Consume ends with each rebalance, and when the broker is away.
		for err := error(nil); !errors.Is(err, sarama.ErrClosedConsumerGroup); {
			err = g.Consume(context.Background(), []string{topic}, &handler{member: m})
		}
	}()
	return nil
}

// handler takes part in one generation.
type handler struct{ member *member }

func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	go func() {
		for {
			select {
			case h.member.sessions <- s:
			case <-s.Context().Done():
				return
			}
		}
	}()
	return nil
}

func (h *handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			select {
			case h.member.claims <- m:
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
		m := <-c.member.claims
		if m.Offset < c.member.next[m.Partition] {
			continue
		}
		c.member.next[m.Partition] = m.Offset + 1
		if !got(record(m)) {
			return nil
		}
	}
}

// commitPatience is how long a commit is tried again: for a session that ended, and for
// a broker that has just started.
const commitPatience = time.Minute

// Commit waits until what was taken is committed. Sarama does not tell whether a commit
// went well, and goes on without if the coordinator cannot be reached: the broker is asked.
func (c *client) Commit() error { return c.admin(c.member.commit) }

func (m *member) commit(admin sarama.ClusterAdmin) error {
	late := time.After(commitPatience)
	for err := errors.New("no session"); err != nil; {
		select {
		case s := <-m.sessions:
			for partition, next := range m.next {
				s.MarkOffset(m.topic, partition, next, "")
			}
			s.Commit()
			err = m.committed(admin)
		case <-late:
			return fmt.Errorf("not committed: %w", err)
		}
	}
	return nil
}

// committed compares the group's offsets with what was taken.
func (m *member) committed(admin sarama.ClusterAdmin) error {
	var partitions []int32
	for p := range m.next {
		partitions = append(partitions, p)
	}
	offsets, err := admin.ListConsumerGroupOffsets(m.name, map[string][]int32{m.topic: partitions})
	if err != nil {
		return err
	}
	for p, next := range m.next {
		if b := offsets.GetBlock(m.topic, p); b == nil || b.Offset != next {
			return fmt.Errorf("partition %d is not at %d", p, next)
		}
	}
	return nil
}

func (c *client) Leave() error {
	err := c.member.group.Close()
	<-c.member.done
	return err
}
