package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	// fetchBytes is how much is fetched of a partition at once, if no batch is larger.
	fetchBytes = 4 << 20
	// fetchWait is how long a broker may wait for there to be something, ms.
	fetchWait = 500
)

// fetched is what a partition has from an offset on.
type fetched struct {
	batches []batch.Batch // with committed records, their CRCs checked
	next    model.Offset  // behind all that was looked at, batches that are left out too
	stable  model.Offset  // as the broker says
	start   model.Offset
	slow    bool // the broker gives less than it has: a quota
}

// fetch reads committed batches of a partition from an offset on. What it returns is
// its caller's.
func (s *side) fetch(ctx context.Context, tp model.TopicPartition, from model.Offset) (fetched, error) {
	f := fetched{next: from}
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.IsolationLevel = -1, readCommitted
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = fetchWait, 1, fetchBytes
	t, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	t.Topic, t.TopicID = tp.Topic, s.topicID(tp.Topic)
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = tp.Partition, int64(from), fetchBytes
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	got, err := s.askLeader(ctx, tp, req)
	if err != nil {
		return f, err
	}
	resp, _ := got.(*kmsg.FetchResponse)
	if resp == nil {
		return f, fmt.Errorf("the %s answers a Fetch with something else", s.name)
	}
	if err := s.refusedPartition(tp, resp.ErrorCode, nil); err != nil {
		return f, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return f, again{fmt.Errorf("the %s has not answered for %s-%d", s.name, tp.Topic, tp.Partition)}
	}
	answer := &resp.Topics[0].Partitions[0]
	if err := s.refusedPartition(tp, answer.ErrorCode, nil); err != nil {
		return f, err
	}
	f.stable, f.start, f.slow = model.Offset(answer.LastStableOffset), model.Offset(answer.LogStartOffset), resp.ThrottleMillis > 0
	if err := f.take(answer, from); err != nil {
		return f, fmt.Errorf("%s, partition %s-%d: %w", s.name, tp.Topic, tp.Partition, err)
	}
	return f, nil
}

// errOldFormat says what can not be copied.
var errOldFormat = errors.New("the records are stored in the message format of a Kafka before 0.11, which cannot be imported: " +
	"have the source write the topic anew, or copy it with a client (its offsets change)")

// take finds the committed batches in an answer, as consumers of committed records do.
func (f *fetched) take(answer *kmsg.FetchResponseTopicPartition, from model.Offset) error {
	aborted, list := map[model.ProducerID]bool{}, answer.AbortedTransactions
	for b, err := range batch.Split(answer.RecordBatches) {
		switch {
		case errors.Is(err, batch.ErrTruncated):
			return nil // a broker gives so many bytes, not batches
		case errors.Is(err, batch.ErrMagic):
			return errOldFormat
		case err != nil:
			return err //nolint:wrapcheck // The caller says where.
		}
		if err := batch.Verify(b.Bytes, &b.Header); err != nil {
			return fmt.Errorf("batch at offset %d: %w", b.BaseOffset, err)
		}
		for len(list) > 0 && list[0].FirstOffset <= int64(b.LastOffset()) {
			aborted[model.ProducerID(list[0].ProducerID)] = true
			list = list[1:]
		}
		f.next = max(f.next, b.LastOffset()+1)
		switch {
		case b.IsControl():
			m, ends, err := batch.ReadMarker(b.Bytes, &b.Header)
			if err != nil {
				return fmt.Errorf("batch at offset %d: %w", b.BaseOffset, err)
			}
			if ends && !m.Commit {
				delete(aborted, m.Producer)
			}
		case b.IsTransactional() && aborted[b.ProducerID], b.Records == 0, b.LastOffset() < from:
		default:
			f.batches = append(f.batches, b)
		}
	}
	return nil
}

// read fetches from an offset on, below an end that is stable. It comes further, or
// returns an error: where the source has nothing up to the end, as compaction leaves it,
// it comes there.
func (s *side) read(ctx context.Context, tp model.TopicPartition, from, end model.Offset) (fetched, error) {
	for empty := 0; ; {
		f, err := s.fetch(ctx, tp, from)
		if err != nil || f.next > from {
			return f, err
		}
		if f.slow || f.stable < end {
			if f.stable < end && f.stable >= 0 && !f.slow {
				return f, again{fmt.Errorf("%s, partition %s-%d: the last stable offset is %d, and was %d", s.name, tp.Topic, tp.Partition, f.stable, end)}
			}
			continue
		}
		if empty++; empty == 2 {
			f.next = end
			return f, nil
		}
	}
}
