package promise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// crowdMember is one member of a group.
type crowdMember struct {
	crowd  *Crowd
	group  string
	client *kgo.Client

	mu     sync.Mutex
	floors map[int32]int64 // Of partitions whose first record is yet to come.
}

func (c *Crowd) member(group string, consumer bool, session time.Duration, more ...kgo.Opt) (*crowdMember, error) {
	m := &crowdMember{crowd: c, group: group, floors: map[int32]int64{}}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.addr),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(CrowdTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		// A poll's records are committed by the generation that got them.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(m.assigned),
		kgo.FetchMaxWait(time.Second),
		kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(session / 10),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.Balancers(kgo.RangeBalancer()),
	}
	if consumer {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	var err error
	m.client, err = kgo.NewClient(append(opts, more...)...)
	return m, err
}

// assigned runs before the client asks where to resume.
func (m *crowdMember) assigned(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range topics[CrowdTopic] {
		m.floors[p] = m.crowd.History.Floor(m.group, p)
	}
}

func (m *crowdMember) run(ctx context.Context) {
	for ctx.Err() == nil {
		fs := m.client.PollRecords(ctx, 1000)
		if fs.IsClientClosed() || ctx.Err() != nil {
			return
		}
		// Errors of a broker that is down pass; a lost offset must not.
		fs.EachError(func(_ string, p int32, err error) {
			var lost *kgo.ErrDataLoss
			if errors.As(err, &lost) {
				m.crowd.fail(fmt.Errorf("%s, partition %d: %w", m.group, p, err))
			}
		})
		next := map[int32]kgo.EpochOffset{}
		fs.EachRecord(func(r *kgo.Record) {
			m.got(r)
			next[r.Partition] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1}
		})
		if len(next) > 0 {
			m.commit(ctx, next)
		}
		m.client.AllowRebalance()
	}
}

func (m *crowdMember) got(r *kgo.Record) {
	h := m.crowd.History
	m.mu.Lock()
	floor, first := m.floors[r.Partition]
	delete(m.floors, r.Partition)
	m.mu.Unlock()
	var err error
	if first {
		err = h.Resumed(m.group, r.Partition, floor, r.Offset)
	}
	if err = errors.Join(err, h.Consumed(m.group, r.Partition, r.Offset)); err != nil {
		m.crowd.fail(err)
	}
}

func (m *crowdMember) commit(ctx context.Context, next map[int32]kgo.EpochOffset) {
	h := m.crowd.History
	for p, o := range next {
		h.Trying(m.group, p, o.Offset)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	m.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{CrowdTopic: next},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			if err != nil {
				return // Maybe done, maybe not: the bounds stay apart.
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if p.ErrorCode == 0 {
						h.Acknowledged(m.group, p.Partition, next[p.Partition].Offset, time.Now())
					}
				}
			}
		})
}
