package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/promise"
)

// groupProps have both protocols' sessions be as long as asked for.
func groupProps(session time.Duration) map[string]string {
	props := harness.TestProps()
	ms := fmt.Sprint(session.Milliseconds())
	for _, name := range []string{"group.consumer.session.timeout.ms", "group.consumer.min.session.timeout.ms", "group.min.session.timeout.ms"} {
		props[name] = ms
	}
	beat := fmt.Sprint(session.Milliseconds() / 10)
	for _, name := range []string{"group.consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms"} {
		props[name] = beat
	}
	return props
}

// runGroups kills the broker under many groups that consume and commit.
func runGroups(ctx context.Context, b harness.Broker, o options) error {
	both, err := harness.Advertises(b.Addr(), harness.ConsumerGroupHeartbeat)
	if err != nil {
		return err
	}
	if !both {
		fmt.Printf("the consumer protocol is SKIPPED: %s does not advertise %s\n", b.Target(), harness.ConsumerGroupHeartbeat)
	}
	c, err := promise.StartCrowd(ctx, b.Addr(), promise.CrowdOptions{
		Groups: o.groups, Partitions: o.partitions, Rate: o.rate, Session: o.session, Both: both,
	})
	if err != nil {
		return err
	}
	defer c.Stop()
	fmt.Printf("%s, %s, %d groups (%d of the consumer protocol) with %d members in all, %d partitions, %d rec/s, session timeout %v, a kill every %v\n",
		b.Target(), o.span(), o.groups, c.Consumers, c.Members(), o.partitions, o.rate, o.session, o.every)
	if err := gather(ctx, c); err != nil {
		return err
	}
	c.History.Loaded(time.Now())
	var all []time.Duration
	span, cycle := o.span(), 0
	for last := false; !last; last = span.last(cycle) {
		cycle++
		took, err := killGroupsOnce(ctx, b, c, o.every)
		if err != nil {
			return fmt.Errorf("cycle %d: %w", cycle, err)
		}
		all = append(all, took.woke...)
		fmt.Printf("cycle %d: first answer after %v, commits of all groups read %v later; progress of groups: %s; %d have made none yet\n",
			cycle, b.StartTime().Round(time.Millisecond), took.read.Round(time.Millisecond), spread(took.woke), took.waiting)
	}
	if err := errors.Join(c.Finish(ctx, 3*o.session), c.Err()); err != nil {
		return fmt.Errorf("the end: %w", err)
	}
	if err := c.Verify(ctx); err != nil {
		return fmt.Errorf("the end: %w", err)
	}
	fmt.Printf("ok: %d cycles; each of %d records was consumed by each of %d groups and is committed; no commit went back; no partition of a group stood still for %v (longest: %v)\n",
		cycle, c.Records(), o.groups, o.session, c.History.Longest().Round(time.Millisecond))
	fmt.Printf("from the broker's first answer to a group's next progress: %s\n", spread(all))
	return nil
}

// gather waits until every group has committed something of every partition.
func gather(ctx context.Context, c *promise.Crowd) error {
	const most = 2 * time.Minute
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		took, waiting := c.History.Woke()
		if waiting == 0 && c.History.Untouched() == 0 {
			fmt.Printf("all groups work: %s\n", spread(took))
			return nil
		}
		if time.Since(begin) > most || ctx.Err() != nil {
			return errors.Join(fmt.Errorf("%d groups have committed nothing after %v, %d partitions of groups have no commit", waiting, most, c.History.Untouched()), ctx.Err(), c.Err())
		}
	}
}

// life is what was seen of one life of the broker.
type life struct {
	read    time.Duration // Until the commits of all groups were answered.
	woke    []time.Duration
	waiting int
}

// killGroupsOnce kills the broker and looks at the life that follows.
func killGroupsOnce(ctx context.Context, b harness.Broker, c *promise.Crowd, every time.Duration) (life, error) {
	c.History.Down(time.Now())
	if err := kill(b); err != nil {
		return life{}, err
	}
	if err := b.Restart(); err != nil {
		return life{}, err
	}
	back, records := time.Now(), c.Records()
	c.History.Up(back)
	if err := c.Verify(ctx); err != nil {
		return life{}, err
	}
	l := life{read: time.Since(back)}
	c.History.Loaded(time.Now())
	for {
		if err := errors.Join(c.Err(), ctx.Err()); err != nil {
			return life{}, err
		}
		if time.Since(back) > every {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if c.Records() == records {
		return life{}, fmt.Errorf("no record was acknowledged in %v, so that no group has anything to do", time.Since(back))
	}
	l.woke, l.waiting = c.History.Woke()
	slices.Sort(l.woke)
	return l, nil
}
