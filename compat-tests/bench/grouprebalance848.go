package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// rebalance848 has a member come to a group of the consumer protocol, or leave
// it, in turn, and measures each time until every partition is owned, and every
// member is of the new epoch. The members heartbeat without a pause and give up
// at once what they are to give up: what is measured is the broker's part. A
// record is one member in one rebalance.
func (l *load) rebalance848(ctx context.Context) (outcome, error) {
	conns, closeAll, err := l.dialAll(ctx, l.Group.Members+1)
	if err != nil {
		return outcome{}, err
	}
	defer closeAll()
	c := &consumers{topic: l.Topics[0], partitions: l.Partitions}
	for i, conn := range conns {
		c.all = append(c.all, &consumer848{
			conn: conn, group: groupName(l.Topics[0], 0), id: fmt.Sprintf("%s-m%d", l.Topics[0], i),
		})
	}
	here, guest := c.all[:l.Group.Members], c.all[l.Group.Members]
	if err := eachLine(here, c.join); err != nil {
		return outcome{}, err
	}
	if err := c.settle(here, 0); err != nil {
		return outcome{}, err
	}
	o := outcome{}
	var took []float64
	begin := time.Now()
	for round := 0; o.Records < l.Records || round < 2; round++ {
		first, epoch, change := time.Now(), here[0].epoch, c.join
		here = c.all
		if round%2 == 1 {
			here, change = c.all[:l.Group.Members], c.leave
		}
		if err := change(guest); err != nil {
			return outcome{}, errors.Join(err, ctx.Err())
		}
		if err := c.settle(here, epoch); err != nil {
			return outcome{}, errors.Join(fmt.Errorf("rebalance %d: %w", round, err), ctx.Err())
		}
		took = append(took, milliseconds(time.Since(first)))
		o.Records += len(here)
	}
	o.Seconds = time.Since(begin).Seconds()
	o.P50, o.P99 = quantile(took, 0.50), quantile(took, 0.99)
	if guest.epoch > 0 {
		err = c.leave(guest)
	}
	return o, errors.Join(err, eachLine(c.all[:l.Group.Members], c.leave))
}

// consumers are the members of one group.
type consumers struct {
	topic      string
	partitions int
	all        []*consumer848

	mu sync.Mutex // Of what the members know.
}

// consumer848 is a member. What it knows is written with the group's lock held.
type consumer848 struct {
	conn      *harness.Conn
	group, id string
	epoch     int32
	owned     []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic
	count     int  // Partitions owned.
	told      bool // The broker knows that these are owned.
}

func (c *consumers) join(m *consumer848) error {
	req := c.request(m)
	req.MemberEpoch, req.RebalanceTimeoutMillis = 0, int32(groupPatience.Milliseconds())
	req.SubscribedTopicNames, req.Topics = []string{c.topic}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	return c.ask(m, req)
}

func (c *consumers) leave(m *consumer848) error {
	req := c.request(m)
	req.MemberEpoch = -1
	return c.ask(m, req)
}

// beat is a heartbeat, which says what is owned if the broker does not know.
func (c *consumers) beat(m *consumer848) error {
	req := c.request(m)
	if !m.told {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for _, t := range m.owned {
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: t.TopicID, Partitions: t.Partitions})
		}
	}
	return c.ask(m, req)
}

func (c *consumers) request(m *consumer848) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.SetVersion(1)
	req.Group, req.MemberID, req.MemberEpoch, req.RebalanceTimeoutMillis = m.group, m.id, m.epoch, -1
	return req
}

func (c *consumers) ask(m *consumer848, req *kmsg.ConsumerGroupHeartbeatRequest) error {
	answer, err := m.conn.Ask(req, groupPatience)
	if err != nil {
		return fmt.Errorf("heartbeat of %s: %w", m.id, err)
	}
	resp, ok := answer.(*kmsg.ConsumerGroupHeartbeatResponse)
	if !ok {
		return fmt.Errorf("heartbeat of %s: the answer is a %T", m.id, answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return fmt.Errorf("heartbeat of %s: %w", m.id, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m.epoch, m.told = resp.MemberEpoch, true
	if resp.MemberEpoch <= 0 {
		m.owned, m.count = nil, 0
		return nil
	}
	if resp.Assignment == nil {
		return nil
	}
	m.owned, m.count, m.told = resp.Assignment.Topics, 0, false
	for _, t := range m.owned {
		m.count += len(t.Partitions)
	}
	return nil
}

// settle has the members heartbeat until all is owned in a later epoch.
func (c *consumers) settle(here []*consumer848, after int32) error {
	begin := time.Now()
	return eachLine(here, func(m *consumer848) error {
		for !c.settled(here, after) {
			if time.Since(begin) > groupPatience {
				return errors.New("the members do not come to rest")
			}
			if err := c.beat(m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *consumers) settled(here []*consumer848, after int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	owned := 0
	for _, m := range here {
		// All may be owned before the last ones that came have their share.
		if m.epoch <= after || m.epoch != here[0].epoch || !m.told || m.count < c.partitions/len(here) {
			return false
		}
		owned += m.count
	}
	return owned == c.partitions
}
