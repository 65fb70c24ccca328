package cli

import (
	"context"
	"fmt"
	"maps"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// span is what is to be read of a partition: from next to below end.
type span struct {
	start, next, end int64
	endless          bool // --follow
}

func (s *span) done() bool { return !s.endless && s.next >= s.end }

// spans finds what is to be read of each partition. Held is how many offsets at the ends
// belong to open transactions, which are not for those who read committed records.
func (c *client) spans(ctx context.Context, topics []topic, r *reading) (spans map[model.TopicPartition]*span, held int64, err error) {
	places := placesOf{c: c, topics: topics, isolation: r.isolation}
	earliest, err := places.find(ctx, where{kind: atBeginning})
	if err != nil {
		return nil, 0, err
	}
	latest, err := places.find(ctx, where{kind: atEnd})
	if err != nil {
		return nil, 0, err
	}
	places.latest = latest
	from, err := places.find(ctx, r.from)
	if err != nil {
		return nil, 0, err
	}
	to, err := places.find(ctx, r.to)
	if err != nil {
		return nil, 0, err
	}
	spans = map[model.TopicPartition]*span{}
	for tp, low := range earliest {
		within := func(at int64) int64 { return max(low, min(at, latest[tp])) }
		start := within(from[tp])
		spans[tp] = &span{start: start, next: start, end: within(to[tp]), endless: !r.bounded}
	}
	if r.isolation == readCommitted && r.bounded && r.to.kind == atEnd {
		places.isolation = readUncommitted
		ends, err := places.find(ctx, where{kind: atEnd})
		if err != nil {
			return nil, 0, err
		}
		for tp, end := range ends {
			held += max(0, end-latest[tp])
		}
	}
	return spans, held, nil
}

// placesOf finds places in partitions.
type placesOf struct {
	c         *client
	topics    []topic
	isolation int8
	latest    map[model.TopicPartition]int64
}

// find is the offset of a place in each partition.
func (p *placesOf) find(ctx context.Context, w where) (map[model.TopicPartition]int64, error) {
	at := atLatest
	switch w.kind {
	case atBeginning:
		at = atEarliest
	case atTime:
		at = w.at.UnixMilli()
	case atEnd:
	case atOffset, beforeEnd:
		out := maps.Clone(p.latest)
		for tp := range out {
			if w.kind == atOffset {
				out[tp] = w.offset
			} else {
				out[tp] -= w.offset
			}
		}
		return out, nil
	}
	found, err := p.c.offsets(ctx, p.topics, at, p.isolation)
	if err != nil {
		return nil, err
	}
	out := make(map[model.TopicPartition]int64, len(found))
	for tp, f := range found {
		if f.refused != nil {
			return nil, f.refused
		}
		if out[tp] = f.offset; f.offset < 0 { // nothing is as late
			out[tp] = p.latest[tp]
		}
	}
	return out, nil
}

// tailBytes is how much of a partition one look for visible records takes.
const tailBytes = 1 << 20

// emptyTail reports whether a partition holds nothing to be shown from an offset up to
// an end: the last offsets may be those of markers, of aborted transactions, or of what
// compaction took away, and then no record comes that says that the end is reached.
func (c *client) emptyTail(ctx context.Context, tp model.TopicPartition, from, end int64, isolation int8) (bool, error) {
	topics, err := c.topics(ctx, []string{tp.Topic})
	if err != nil {
		return false, err
	}
	if err := only(topics, []int32{tp.Partition}); err != nil {
		return false, err
	}
	p := topics[0].partitions[0]
	if p.refused != nil {
		return false, p.refused
	}
	for from < end {
		answer, err := c.fetchOnce(ctx, &topics[0], p, from, isolation)
		if err != nil {
			return false, err
		}
		o := kgo.ProcessFetchPartitionOpts{Offset: from, Topic: tp.Topic, Partition: tp.Partition}
		if isolation == readCommitted {
			o.IsolationLevel = kgo.ReadCommitted()
		}
		got, next := kgo.ProcessFetchPartition(o, answer, kgo.DefaultDecompressor(), nil)
		if got.Err != nil {
			return false, c.explain(got.Err)
		}
		if len(got.Records) > 0 {
			return got.Records[0].Offset >= end, nil
		}
		if next <= from {
			return false, nil // nothing came: look again later
		}
		from = next
	}
	return true, nil
}

// fetchOnce asks a partition's leader for what stands at an offset.
func (c *client) fetchOnce(ctx context.Context, t *topic, p partition, at int64, isolation int8) (*kmsg.FetchResponseTopicPartition, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = 100, 1, tailBytes, isolation
	asked := kmsg.NewFetchRequestTopic()
	asked.Topic, asked.TopicID = t.name, t.id
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = p.number, at, tailBytes
	asked.Partitions = append(asked.Partitions, part)
	req.Topics = append(req.Topics, asked)
	resp, err := req.RequestWith(ctx, c.Broker(int(p.leader)))
	if err != nil {
		return nil, c.explain(err)
	}
	of := fmt.Sprintf("partition %s-%d", words.Quoted(t.name), p.number)
	if err := refused(of, resp.ErrorCode, nil); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("%s: the broker has not answered for it", of)
	}
	answer := &resp.Topics[0].Partitions[0]
	return answer, refused(of, answer.ErrorCode, nil)
}
