package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// groups does what a load does with groups.
func (l *load) groups(ctx context.Context) (outcome, error) {
	if err := l.awaitCoordinators(ctx); err != nil {
		return outcome{}, err
	}
	switch l.Op {
	case "commit":
		return l.commit(ctx)
	case "rebalance":
		return l.rebalance(ctx)
	case "rebalance848":
		return l.rebalance848(ctx)
	case "settle":
		return l.settleGroups(ctx)
	case "beat":
		return l.beat(ctx)
	}
	return outcome{}, fmt.Errorf("unknown load %q", l.Op)
}

// awaitCoordinators has the broker make __consumer_offsets, which it does when
// first asked for a coordinator, and waits until it serves each of the groups.
func (l *load) awaitCoordinators(ctx context.Context) error {
	c, err := harness.Dial(l.Addr, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	asked := map[int]bool{}
	for n := range max(l.Group.Groups, 1) {
		group := groupName(l.Topics[0], n)
		at := offsetsPartition(group, offsetsTopics)
		if asked[at] {
			continue
		}
		asked[at] = true
		for begin := time.Now(); ; {
			err := errors.Join(findCoordinator(c, group), ctx.Err())
			if err == nil {
				_, err = offsetOf(c, group, l.Topics[0])
			}
			if err == nil {
				break
			}
			if time.Since(begin) > groupPatience {
				return fmt.Errorf("coordinator of %s: %w", group, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

func findCoordinator(c *harness.Conn, group string) error {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.SetVersion(2)
	req.CoordinatorKey = group
	answer, err := c.Ask(req, groupPatience)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.FindCoordinatorResponse)
	if !ok {
		return fmt.Errorf("the answer is a %T", answer)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// settleGroups gives each group its member, which lives on.
func (l *load) settleGroups(ctx context.Context) (outcome, error) {
	beats, closeAll, err := l.beatLines(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer closeAll()
	begin := time.Now()
	err = eachLine(beats, func(b *beatLine) error {
		for _, m := range b.members {
			if err := m.joinAlone(l.Topics[0]); err != nil {
				return err
			}
		}
		return nil
	})
	o := outcome{Records: l.Group.Groups, Seconds: time.Since(begin).Seconds(), IDs: make([]string, l.Group.Groups)}
	for i, b := range beats {
		for j, m := range b.members {
			o.IDs[j*len(beats)+i] = m.id
		}
	}
	return o, errors.Join(err, ctx.Err())
}

// beat has the members that live already heartbeat, at a rate.
func (l *load) beat(ctx context.Context) (outcome, error) {
	beats, closeAll, err := l.beatLines(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer closeAll()
	begin := time.Now()
	end := begin.Add(time.Duration(l.Seconds) * time.Second)
	every := time.Duration(float64(len(beats)) / float64(l.Rate) * float64(time.Second))
	err = eachLine(beats, func(b *beatLine) error {
		for at := begin; at.Before(end) && sleepUntil(ctx, at); at = at.Add(every) {
			m := b.members[b.sent%len(b.members)]
			if err := m.heartbeat(); err != nil {
				return fmt.Errorf("%s: %w", m.group, err)
			}
			b.sent++
		}
		return ctx.Err()
	})
	o := outcome{Seconds: time.Since(begin).Seconds()}
	for _, b := range beats {
		o.Records += b.sent
	}
	return o, err
}

// beatLine is a connection with members of groups, one each.
type beatLine struct {
	members []*groupMember
	sent    int
}

// beatLines spreads the groups over the connections. Members that live already
// have their ids, and are of the first generation.
func (l *load) beatLines(ctx context.Context) ([]*beatLine, func(), error) {
	conns, closeAll, err := l.dialAll(ctx, max(l.Producers, 1))
	if err != nil {
		return nil, nil, err
	}
	beats := make([]*beatLine, len(conns))
	for i, c := range conns {
		beats[i] = &beatLine{}
		for n := i; n < l.Group.Groups; n += len(conns) {
			m := &groupMember{conn: c, group: groupName(l.Topics[0], n)}
			if n < len(l.Group.IDs) {
				m.id, m.generation = l.Group.IDs[n], 1
			}
			beats[i].members = append(beats[i].members, m)
		}
	}
	return beats, closeAll, nil
}

// offsetOf asks for the committed offset of a group's partition 0.
func offsetOf(c *harness.Conn, group, topic string) (int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.SetVersion(5)
	req.Group = group
	t := kmsg.NewOffsetFetchRequestTopic()
	t.Topic, t.Partitions = topic, []int32{0}
	req.Topics = append(req.Topics, t)
	answer, err := c.Ask(req, groupPatience)
	if err != nil {
		return 0, err
	}
	resp, ok := answer.(*kmsg.OffsetFetchResponse)
	if !ok {
		return 0, fmt.Errorf("the answer is a %T", answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errors.New("not the partition that was asked for")
	}
	p := resp.Topics[0].Partitions[0]
	return p.Offset, kerr.ErrorForCode(p.ErrorCode)
}
