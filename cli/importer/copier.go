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
	tp   model.TopicPartition
	from model.Offset // where the source begins
	end  model.Offset // of the source, as far as it is copied now
	at   model.Offset // the target's end, once all that is gathered is sent

	// read fetches of the source, write sends batches that begin at an offset, and
	// newest asks for the largest timestamp that the target has.
	read   func(ctx context.Context, from, end model.Offset) (fetched, error)
	write  func(ctx context.Context, batches []byte, from, end model.Offset) error
	newest func(ctx context.Context) (int64, error)

	latest  int64 // timestamp of what the target has, once timed
	timed   bool
	held    []byte // a batch that is widened once the next one is known
	header  batch.Header
	out     []byte // gathered to be sent
	outFrom model.Offset
}

// copier makes one for a partition.
func (im *Importer) copier(p *part, end model.Offset) *copier {
	return &copier{
		tp: p.tp, from: p.source.start, end: end, at: p.copied,
		read: func(ctx context.Context, from, end model.Offset) (fetched, error) {
			return im.source.read(ctx, p.tp, from, end)
		},
		write: func(ctx context.Context, batches []byte, from, end model.Offset) error {
			err := im.target.imports(ctx, p.tp, p.topic.source, batches, from)
			if err == nil {
				im.progress.copied(p, end, int64(len(batches)))
			}
			return err
		},
		newest: func(ctx context.Context) (int64, error) {
			at, err := im.target.place(ctx, p.tp, atMaxTime, readUncommitted)
			return at.time, err
		},
	}
}

// run copies up to the end.
func (c *copier) run(ctx context.Context) error {
	next := max(c.at, c.from)
	for next < c.end {
		f, err := c.read(ctx, next, c.end)
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
			c.tp.Topic, c.tp.Partition, c.reached(), b.BaseOffset, b.LastOffset())
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
			return fmt.Errorf("partition %s-%d: %w", c.tp.Topic, c.tp.Partition, err)
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
		newest, err := c.newest(ctx)
		if err != nil {
			return err
		}
		c.latest = max(newest, 0)
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
	if err := c.write(ctx, c.out, c.outFrom, c.at); err != nil {
		return err
	}
	c.out = c.out[:0]
	return nil
}

// imports appends batches of a source to a partition that ends where they begin.
func (s *side) imports(ctx context.Context, tp model.TopicPartition, source string, batches []byte, from model.Offset) error {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 30_000
	req.UnknownTags.Set(importTag, []byte(source))
	t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	t.Topic, t.TopicID = tp.Topic, s.topicID(tp.Topic)
	p.Partition, p.Records = tp.Partition, batches
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	got, err := s.askLeader(ctx, tp, req)
	if err != nil {
		return err
	}
	resp, _ := got.(*kmsg.ProduceResponse)
	if resp == nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return fmt.Errorf("the %s has not answered for %s", s.name, partName(tp))
	}
	answer := &resp.Topics[0].Partitions[0]
	if err := s.refusedPartition(tp, answer.ErrorCode, answer.ErrorMessage); err != nil {
		return err
	}
	if model.Offset(answer.BaseOffset) != from {
		return fmt.Errorf("the %s has written %s at offset %d, not at %d: it is no Mainstem broker", s.name, partName(tp), answer.BaseOffset, from)
	}
	return nil
}
