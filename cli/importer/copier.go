package importer

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	// importTag is the tagged field of Produce by which a Mainstem broker knows an
	// import; its value is the source's name, as the topic has it.
	importTag = 19795
	// sendBytes is how much is sent at once, if no batch is larger: a run of the log.
	sendBytes = 1<<20 - 4096
)

// copier copies one partition, from where the target ends.
type copier struct {
	im     *Importer
	part   *part
	source string
	from   model.Offset // where the source begins
	end    model.Offset // of the source, as far as it is copied now

	at     model.Offset // the target's end, once all that is gathered is sent
	latest int64        // timestamp
	timed  bool         // it is known

	held    []byte // a batch that is widened once the next one is known
	header  batch.Header
	out     []byte // gathered to be sent
	outFrom model.Offset
}

// run copies up to the end.
func (c *copier) run(ctx context.Context) error {
	next := max(c.at, c.from)
	for next < c.end {
		f, err := c.im.source.read(ctx, c.part.tp, next, c.end)
		if err != nil {
			return err
		}
		for _, b := range f.batches {
			if err := c.take(ctx, b); err != nil {
				return err
			}
		}
		next = f.next
	}
	if err := c.reach(ctx, next); err != nil {
		return err
	}
	return c.flush(ctx)
}

// take takes the next batch of the source.
func (c *copier) take(ctx context.Context, b batch.Batch) error {
	if b.BaseOffset < c.reached() {
		return fmt.Errorf("partition %s-%d: the target ends at offset %d, and the source has a batch of offsets %d to %d there: it is not what was copied",
			c.part.tp.Topic, c.part.tp.Partition, c.reached(), b.BaseOffset, b.LastOffset())
	}
	if err := c.reach(ctx, b.BaseOffset); err != nil {
		return err
	}
	c.held, c.header = slices.Clone(b.Bytes), b.Header
	if !c.timed || b.MaxTimestamp > c.latest {
		c.latest, c.timed = b.MaxTimestamp, true
	}
	return nil
}

// reached is behind all that was taken.
func (c *copier) reached() model.Offset {
	if c.held != nil {
		return c.header.LastOffset() + 1
	}
	return c.at
}

// reach takes all offsets below the end given, by the batch that is held, and by
// fillers.
func (c *copier) reach(ctx context.Context, end model.Offset) error {
	if c.held != nil {
		b, to := c.held, end
		if to-c.header.BaseOffset > batch.FillerMax {
			to = c.header.LastOffset() + 1
		}
		if err := batch.Widen(b, &c.header, to); err != nil {
			return fmt.Errorf("partition %s-%d: %w", c.part.tp.Topic, c.part.tp.Partition, err)
		}
		c.held = nil
		if err := c.send(ctx, b, to); err != nil {
			return err
		}
	}
	for c.at < end {
		if err := c.know(ctx); err != nil {
			return err
		}
		n := min(end-c.at, batch.FillerMax)
		if err := c.send(ctx, batch.AppendFiller(nil, c.at, int(n), c.latest), c.at+n); err != nil {
			return err
		}
	}
	return nil
}

// know finds the latest timestamp that the target has: a filler with that expires with
// what stands before it, and no search by time ends there. An empty one has 0.
func (c *copier) know(ctx context.Context) error {
	if c.timed {
		return nil
	}
	if c.at > 0 {
		p, err := c.im.target.place(ctx, c.part.tp, atMaxTime, readUncommitted)
		if err != nil {
			return err
		}
		c.latest = max(p.time, 0)
	}
	c.timed = true
	return nil
}

// send gathers a batch that ends at an offset.
func (c *copier) send(ctx context.Context, b []byte, end model.Offset) error {
	if len(c.out) > 0 && (len(c.out)+len(b) > sendBytes || end-c.outFrom > math.MaxInt32) {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	if len(c.out) == 0 {
		c.outFrom = c.at
	}
	c.out, c.at = append(c.out, b...), end
	return nil
}

// flush sends what was gathered, and waits until it is written.
func (c *copier) flush(ctx context.Context) error {
	if len(c.out) == 0 {
		return nil
	}
	tp := c.part.tp
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 30_000
	req.UnknownTags.Set(importTag, []byte(c.source))
	t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	t.Topic, t.TopicID = tp.Topic, c.im.target.topicID(tp.Topic)
	p.Partition, p.Records = tp.Partition, c.out
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	got, err := c.im.target.askLeader(ctx, tp, req)
	if err != nil {
		return err
	}
	resp, _ := got.(*kmsg.ProduceResponse)
	if resp == nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return fmt.Errorf("the target has not answered for %s-%d", tp.Topic, tp.Partition)
	}
	answer := &resp.Topics[0].Partitions[0]
	if err := c.im.target.refusedPartition(tp, answer.ErrorCode, answer.ErrorMessage); err != nil {
		return err
	}
	if model.Offset(answer.BaseOffset) != c.outFrom {
		return fmt.Errorf("the target has written %s-%d at offset %d, not at %d: it is no Mainstem broker", tp.Topic, tp.Partition, answer.BaseOffset, c.outFrom)
	}
	c.im.progress.copied(c.part, c.at, int64(len(c.out)))
	c.out = c.out[:0]
	return nil
}
