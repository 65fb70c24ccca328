package bank

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// observe reads what is committed, from the start, until it is told to stop.
func (b *Bank) observe(ctx context.Context, r *Reader) error {
	all := map[int32]kgo.Offset{}
	for p := range int32(b.o.Partitions) {
		all[p] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(b.addr),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{b.o.Topic: all}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // They show how far an observer has come.
		kgo.FetchMaxWait(250*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		// What fails while the broker is away is tried again by the client.
		fs := cl.PollFetches(ctx)
		for _, rec := range fs.Records() {
			if err := r.take(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Reader) take(rec *kgo.Record) error {
	at := place{rec.Partition, rec.Offset}
	if rec.Attrs.IsControl() {
		return r.passed(at)
	}
	e, err := decode(rec.Value)
	if err != nil {
		return err
	}
	return r.saw(at, e)
}

// lookEvery is how often the last stable offsets are looked at.
const lookEvery = 100 * time.Millisecond

// look follows the last stable offsets until it is told to stop.
func (b *Bank) look(ctx context.Context) error {
	for ctx.Err() == nil {
		stable, ends, err := b.offsets(ctx)
		if err != nil {
			b.stands.missed()
		}
		now := time.Now()
		for p := range stable {
			if err := b.stands.saw(now, int32(p), stable[p], ends[p]); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
	return nil
}

// offsets are the last stable offsets and the ends, asked for in this order.
func (b *Bank) offsets(ctx context.Context) (stable, ends []int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := b.adm.ListCommittedOffsets(ctx, b.o.Topic)
	if err != nil {
		return nil, nil, err
	}
	e, err := b.adm.ListEndOffsets(ctx, b.o.Topic)
	if err != nil {
		return nil, nil, err
	}
	for p := range int32(b.o.Partitions) {
		at, ok := s.Lookup(b.o.Topic, p)
		end, okEnd := e.Lookup(b.o.Topic, p)
		if !ok || !okEnd || at.Err != nil || end.Err != nil {
			return nil, nil, errors.Join(fmt.Errorf("no offsets of partition %d", p), at.Err, end.Err)
		}
		stable, ends = append(stable, at.Offset), append(ends, end.Offset)
	}
	return stable, ends, nil
}
