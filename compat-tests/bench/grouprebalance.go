package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rebalance has all members of a classic group join anew, again and again, and
// measures each time from the first request until all have synced. A record is
// one member in one rebalance. Nobody waits for a heartbeat to hear of it, as
// clients do: what is measured is the broker's part.
func (l *load) rebalance(ctx context.Context) (outcome, error) {
	conns, closeAll, err := l.dialAll(ctx, l.Group.Members)
	if err != nil {
		return outcome{}, err
	}
	defer closeAll()
	members := make([]*groupMember, len(conns))
	for i, c := range conns {
		members[i] = &groupMember{conn: c, group: groupName(l.Topics[0], 0)}
	}
	g := gathering{topic: l.Topics[0], want: len(members)}
	if err := eachLine(members, g.join); err != nil {
		return outcome{}, fmt.Errorf("gather %d members: %w", len(members), err)
	}
	var took []float64
	begin := time.Now()
	for round := range max(l.Records/len(members), 2) {
		first := time.Now()
		err := eachLine(members, func(m *groupMember) error {
			others, err := m.join(l.Topics[0], uint32(round+1))
			if err != nil {
				return err
			}
			if len(others) != 0 && len(others) != len(members) {
				return fmt.Errorf("a generation of %d members", len(others))
			}
			return m.sync(l.Topics[0], others)
		})
		if err != nil {
			return outcome{}, errors.Join(fmt.Errorf("rebalance %d: %w", round, err), ctx.Err())
		}
		took = append(took, milliseconds(time.Since(first)))
	}
	o := outcome{
		Records: len(took) * len(members), Seconds: time.Since(begin).Seconds(),
		P50: quantile(took, 0.50), P99: quantile(took, 0.99),
	}
	return o, eachLine(members, (*groupMember).leave)
}

// gathering brings members together that know nothing of each other.
type gathering struct {
	topic string
	want  int
	whole atomic.Int32 // The generation with all of them.
}

// join joins until there is a generation with everybody.
func (g *gathering) join(m *groupMember) error {
	for begin := time.Now(); time.Since(begin) < groupPatience; {
		others, err := m.join(g.topic, 0)
		if err != nil {
			return err
		}
		err = m.sync(g.topic, others)
		if err == nil && len(others) == g.want {
			g.whole.Store(m.generation)
		}
		for err == nil {
			if g.whole.Load() == m.generation {
				return nil
			}
			time.Sleep(5 * time.Millisecond)
			err = m.heartbeat()
		}
		if !errors.Is(err, kerr.RebalanceInProgress) {
			return err
		}
	}
	return errors.New("they do not come together")
}
