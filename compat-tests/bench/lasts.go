package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lasts follows a compacted topic at its end and remembers the last record of
// every key: a reading from the start has to find just these as the last ones,
// whatever compaction and restarts have done.
type lasts struct {
	client *kgo.Client
	topic  string
	next   []int64 // By partition: behind the last record seen.
	marks  map[place]mark
	seen   int64
	wrong  error // What no later look makes good.
}

// place is a key in a partition. The load sends a key to more than one.
type place struct {
	partition int32
	key       string
}

// mark names a record.
type mark struct{ offset, millis int64 }

// catchUpMost bounds the wait for records that are there.
const catchUpMost = 2 * time.Minute

// endsOf asks where the partitions of topics end.
type endsOf func(topics []string) (map[string]map[int32]int64, error)

// follow reads a topic from its start on, also over restarts of the broker.
func follow(addr, topic string, partitions int) (*lasts, error) {
	from := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		from[p] = kgo.NewOffset().At(0)
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchMaxWait(200*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	)
	if err != nil {
		return nil, err
	}
	return &lasts{client: cl, topic: topic, next: make([]int64, partitions), marks: map[place]mark{}}, nil
}

func (l *lasts) close() { l.client.Close() }

// catchUp reads to where the topic ends now. A partition's last record is the
// last of its key, so no compaction takes it.
func (l *lasts) catchUp(ctx context.Context, ends endsOf) error {
	all, err := ends([]string{l.topic})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpMost)
	defer cancel()
	var last error
	for l.wrong == nil && l.behind(all[l.topic]) {
		fs := l.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("%s is read to %v, not to its ends %v: %w", l.topic, l.next, all[l.topic], errors.Join(ctx.Err(), last))
		}
		var lost *kgo.ErrDataLoss
		// Errors of a broker that is down pass; a lost offset must not.
		fs.EachError(func(_ string, p int32, err error) { last = fmt.Errorf("partition %d: %w", p, err) })
		if errors.As(last, &lost) {
			l.wrong = last
		}
		fs.EachRecord(func(r *kgo.Record) {
			if err := l.note(r); l.wrong == nil {
				l.wrong = err
			}
		})
	}
	return l.wrong
}

func (l *lasts) behind(ends map[int32]int64) bool {
	for p, end := range ends {
		if l.next[p] < end {
			return true
		}
	}
	return false
}

// note remembers a record.
func (l *lasts) note(r *kgo.Record) error {
	if r.Offset < l.next[r.Partition] {
		return fmt.Errorf("partition %d: offset %d follows %d", r.Partition, r.Offset, l.next[r.Partition]-1)
	}
	l.next[r.Partition] = r.Offset + 1
	l.marks[place{r.Partition, string(r.Key)}] = mark{r.Offset, r.Timestamp.UnixMilli()}
	l.seen++
	return nil
}

// check reads the topic from its start, with nobody producing, and returns how
// many records are left.
func (l *lasts) check(ctx context.Context, addr string, ends endsOf) (int64, error) {
	if err := l.catchUp(ctx, ends); err != nil {
		return 0, err
	}
	again, err := follow(addr, l.topic, len(l.next))
	if err != nil {
		return 0, err
	}
	defer again.close()
	if err := again.catchUp(ctx, ends); err != nil {
		return 0, err
	}
	return again.seen, l.compare(again)
}

// compare finds keys whose last record is another one in a later reading.
func (l *lasts) compare(again *lasts) error {
	for at, want := range l.marks {
		got, ok := again.marks[at]
		if !ok {
			return fmt.Errorf("partition %d: key %x is lost; its last record was %d of %d ms", at.partition, at.key, want.offset, want.millis)
		}
		if got != want {
			return fmt.Errorf("partition %d: key %x has %d of %d ms as its last record, which was %d of %d ms", at.partition, at.key, got.offset, got.millis, want.offset, want.millis)
		}
	}
	if n := len(again.marks) - len(l.marks); n > 0 {
		return fmt.Errorf("there are %d keys that nobody saw", n)
	}
	return nil
}
