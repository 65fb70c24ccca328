package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// LookEvery is how often the last stable offsets are looked at.
const LookEvery = 100 * time.Millisecond

// Stable follows the last stable offsets of a topic.
type Stable struct {
	adm        *kadm.Client
	topic      string
	partitions int
	stands     *stands
}

// NewStable has no offset stand still for longer than patience while the broker is up.
func NewStable(adm *kadm.Client, topic string, partitions int, patience time.Duration) *Stable {
	return &Stable{adm, topic, partitions, newStands(partitions, patience)}
}

// Away says that the broker is about to be killed, or that it is back.
func (s *Stable) Away(yes bool) { s.stands.away(yes) }

// Longest is how long an offset stood still at most.
func (s *Stable) Longest() time.Duration { return s.stands.longest() }

// Look looks until it is told to stop, or sees what may not be.
func (s *Stable) Look(ctx context.Context) error {
	for ctx.Err() == nil {
		stable, ends, err := s.offsets(ctx)
		if err != nil {
			s.stands.missed()
		}
		now := time.Now()
		for p := range stable {
			if err := s.stands.saw(now, int32(p), stable[p], ends[p]); err != nil {
				return fmt.Errorf("%s, %w", s.topic, err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(LookEvery):
		}
	}
	return nil
}

// Settled gives the ends of the partitions if no transaction is open in them.
func (s *Stable) Settled(ctx context.Context) (ends []int64, err error) {
	stable, ends, err := s.offsets(ctx)
	if err == nil && !slices.Equal(stable, ends) {
		err = fmt.Errorf("%s: last stable offsets %v, ends %v", s.topic, stable, ends)
	}
	return ends, err
}

func (s *Stable) offsets(ctx context.Context) (stable, ends []int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return Offsets(ctx, s.adm, s.topic, s.partitions)
}

// Offsets are a topic's last stable offsets and its ends, asked for in this order.
func Offsets(ctx context.Context, adm *kadm.Client, topic string, partitions int) (stable, ends []int64, err error) {
	listed, err := adm.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	e, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	for p := range int32(partitions) {
		at, ok := listed.Lookup(topic, p)
		end, okEnd := e.Lookup(topic, p)
		if !ok || !okEnd || at.Err != nil || end.Err != nil {
			return nil, nil, errors.Join(fmt.Errorf("no offsets of partition %d", p), at.Err, end.Err)
		}
		stable, ends = append(stable, at.Offset), append(ends, end.Offset)
	}
	return stable, ends, nil
}
