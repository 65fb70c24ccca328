package promise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// CrowdTopic is what the groups of a crowd consume.
const CrowdTopic = "promise-groups"

// Crowd is many groups whose members consume and commit while the broker is
// killed again and again, and a producer. Their clients try again until it is
// back.
type Crowd struct {
	History    *History
	Groups     []string
	Consumers  int // Groups that use the consumer protocol.
	partitions int
	addr       string
	producer   *kgo.Client
	members    []*crowdMember
	ends       []atomic.Int64 // By partition: behind what is acknowledged.
	cancel     context.CancelFunc
	quit       context.CancelFunc // Of the producer.
	producing  sync.WaitGroup
	polling    sync.WaitGroup // Members.

	mu struct {
		sync.Mutex
		err error
	}
}

// CrowdOptions say who is in a crowd.
type CrowdOptions struct {
	Groups, Partitions int
	// Rate is records a second, to all partitions in turn.
	Rate    int
	Session time.Duration
	// Both has every other group use the consumer protocol, which the broker has
	// to advertise.
	Both bool
}

// StartCrowd makes the topic, and starts the producer and the groups, every
// third of which has two members.
func StartCrowd(ctx context.Context, addr string, o CrowdOptions) (*Crowd, error) {
	ctx, cancel := context.WithCancel(ctx)
	producing, quit := context.WithCancel(ctx)
	c := &Crowd{addr: addr, partitions: o.Partitions, cancel: cancel, quit: quit, ends: make([]atomic.Int64, o.Partitions)}
	for n := range o.Groups {
		c.Groups = append(c.Groups, fmt.Sprintf("crowd-%d", n))
	}
	c.History = NewHistory(c.Groups, o.Partitions, o.Session)
	if err := c.open(ctx); err != nil {
		cancel()
		return nil, err
	}
	c.History.Up(time.Now())
	c.producing.Go(func() { c.produce(producing, o.Rate) })
	for n, group := range c.Groups {
		consumer := o.Both && n%2 == 1
		if consumer {
			c.Consumers++
		}
		for range 1 + (n+1)%3/2 {
			if err := c.enter(ctx, group, consumer, o.Session); err != nil {
				c.Stop()
				return nil, err
			}
		}
	}
	return c, nil
}

// enter starts a member.
func (c *Crowd) enter(ctx context.Context, group string, consumer bool, session time.Duration, more ...kgo.Opt) error {
	m, err := c.member(group, consumer, session, more...)
	if err != nil {
		return err
	}
	c.members = append(c.members, m)
	c.polling.Go(func() { m.run(ctx) })
	return nil
}

// Members is how many there are.
func (c *Crowd) Members() int { return len(c.members) }

func (c *Crowd) open(ctx context.Context) error {
	var err error
	c.producer, err = kgo.NewClient(
		kgo.SeedBrokers(c.addr),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(1000),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	)
	if err != nil {
		return err
	}
	_, err = kadm.NewClient(c.producer).CreateTopic(ctx, int32(c.partitions), 1, nil, CrowdTopic)
	return err
}

// produce sends at a rate until it is told to quit, and then waits for what is
// under way.
func (c *Crowd) produce(ctx context.Context, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(max(rate, 1)))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r := &kgo.Record{Topic: CrowdTopic, Partition: int32(n % c.partitions), Value: []byte("record")}
		// Not with this context: what was sent is waited for.
		c.producer.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
			if err != nil {
				c.fail(fmt.Errorf("producing: %w", err))
				return
			}
			c.ends[r.Partition].Store(r.Offset + 1)
			c.History.Produced(r.Partition, r.Offset+1, time.Now())
		})
	}
}

func (c *Crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.err = errors.Join(c.mu.err, err)
}

// Err is what went wrong so far, standing still included.
func (c *Crowd) Err() error {
	c.mu.Lock()
	err := c.mu.err
	c.mu.Unlock()
	return errors.Join(err, c.History.Stuck(time.Now()))
}

// Verify asks the broker for what the groups have committed.
func (c *Crowd) Verify(ctx context.Context) error {
	floors := c.History.Floors()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addr), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
	if err != nil {
		return err
	}
	defer cl.Close()
	const most = time.Minute
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		answer := kadm.NewClient(cl).FetchManyOffsets(ctx, c.Groups...)
		// A broker that has just started may ask for patience.
		if !loading(answer) || time.Since(begin) > most {
			return c.compare(floors, answer)
		}
	}
}

// loading tells that a group's answer says to ask again.
func loading(answer kadm.FetchOffsetsResponses) bool {
	for _, group := range answer {
		if kerr.IsRetriable(group.Err) {
			return true
		}
	}
	return false
}

// compare judges an answer, which must be about all groups.
func (c *Crowd) compare(floors map[string][]int64, answer kadm.FetchOffsetsResponses) error {
	var errs []error
	for _, group := range c.Groups {
		fetched, ok := answer[group]
		if !ok {
			return fmt.Errorf("the answer about committed offsets leaves out %s", group)
		}
		if fetched.Err != nil {
			return fmt.Errorf("committed offsets of %s: %w", group, fetched.Err)
		}
		got := make([]int64, c.partitions)
		for p := range got {
			got[p] = none
			if o, ok := fetched.Fetched.Lookup(CrowdTopic, int32(p)); ok {
				if o.Err != nil {
					return fmt.Errorf("committed offset of %s: %w", group, o.Err)
				}
				got[p] = o.At
			}
		}
		errs = append(errs, c.History.Committed(group, floors[group], got))
	}
	return errors.Join(errs...)
}

// Finish ends the producer and waits until all groups have consumed and
// committed all there is, as long as none of them stands still.
func (c *Crowd) Finish(ctx context.Context, most time.Duration) error {
	c.quit()
	c.producing.Wait()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := c.producer.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	ends := make([]int64, c.partitions)
	for p := range ends {
		ends[p] = c.ends[p].Load()
	}
	for {
		err := c.History.Finished(ends)
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.mu.err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not all is consumed %v after the last record: %w", most, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Records is how many were acknowledged.
func (c *Crowd) Records() (n int64) {
	for p := range c.ends {
		n += c.ends[p].Load()
	}
	return n
}

// Stop ends all clients.
func (c *Crowd) Stop() {
	c.cancel()
	c.quit()
	c.producing.Wait()
	c.producer.Close()
	// Before the clients close: each poll holds up rebalances, also one that ends
	// because it was cancelled, and a client that polls once more after it was told
	// to allow them waits for ever when it leaves its group.
	c.polling.Wait()
	var closing sync.WaitGroup
	for _, m := range c.members {
		closing.Go(m.client.CloseAllowingRebalance)
	}
	closing.Wait()
}
