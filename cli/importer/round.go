package importer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// part is a partition on its way. One goroutine at a time has it.
type part struct {
	topic *copied
	tp    model.TopicPartition

	source borders      // as last looked
	start  model.Offset // of the target
	copied model.Offset // the target's end

	begun    bool         // the comparison
	compared model.Offset // all below is the same
	records  int64        // that are the same
	removed  int64        // that the source has no more
	untold   int64        // offsets that progress has not heard of
	sum      hash.Hash    // of those that are the same
}

func newPart(t *copied, i int32) *part {
	return &part{topic: t, tp: model.TopicPartition{Topic: t.name, Partition: i}, sum: sha256.New()}
}

// round brings the target to where the source is now, and compares what is new.
func (im *Importer) round(ctx context.Context) error {
	if err := im.each(ctx, im.measure); err != nil {
		return err
	}
	var done, all int64
	for _, p := range im.parts() {
		done, all = done+int64(p.copied), all+int64(max(p.copied, p.source.stable))
	}
	im.progress.begin("copy", done, all, len(im.parts()))
	if err := im.each(ctx, im.copy); err != nil {
		return err
	}
	if err := im.each(ctx, im.raiseStart); err != nil {
		return err
	}
	done = 0
	for _, p := range im.parts() {
		done += int64(p.compared)
	}
	im.progress.begin("compare", done, all, len(im.parts()))
	return im.each(ctx, im.compare)
}

func (im *Importer) parts() (all []*part) {
	for _, t := range im.topics {
		all = append(all, t.parts...)
	}
	return all
}

// each does something for all partitions, some side by side. The first error ends it.
func (im *Importer) each(ctx context.Context, do func(context.Context, *part) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	todo := make(chan *part)
	var group sync.WaitGroup
	var first error
	var once sync.Once
	for range im.cfg.Parallel {
		group.Go(func() {
			for p := range todo {
				if err := do(ctx, p); err != nil {
					once.Do(func() {
						first = err
						stop()
					})
				}
			}
		})
	}
	for _, p := range im.parts() {
		if ctx.Err() != nil {
			break
		}
		todo <- p
	}
	close(todo)
	group.Wait()
	if first == nil {
		first = ctx.Err()
	}
	return first
}

// measure finds where a partition begins and ends on both sides.
func (im *Importer) measure(ctx context.Context, p *part) error {
	err := im.persist(ctx, func(ctx context.Context) (err error) {
		p.source, err = im.source.borders(ctx, p.tp)
		return err
	})
	if err != nil {
		return err
	}
	err = im.persist(ctx, func(ctx context.Context) error {
		there, err := im.target.borders(ctx, p.tp)
		p.start, p.copied = there.start, there.end
		return err
	})
	if err == nil && p.copied > p.source.end {
		err = fmt.Errorf("partition %s has offsets up to %d at the target, and up to %d at the source: the source has lost records, or is another one",
			partName(p.tp), p.copied, p.source.end)
	}
	return err
}

// copy copies a partition up to where the source was stable when it was measured. When
// something went wrong, what the target has decides where it goes on.
func (im *Importer) copy(ctx context.Context, p *part) error {
	for first := true; p.copied < p.source.stable; first = false {
		goal := p.source.stable
		err := im.persist(ctx, func(ctx context.Context) error {
			if !first {
				if err := im.measureAgain(ctx, p); err != nil {
					return err
				}
			}
			first = false
			return im.copier(p, goal).run(ctx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// measureAgain finds out where to go on.
func (im *Importer) measureAgain(ctx context.Context, p *part) error {
	start, err := im.source.place(ctx, p.tp, atEarliest, readUncommitted)
	if err != nil {
		return err
	}
	end, err := im.target.place(ctx, p.tp, atLatest, readUncommitted)
	if err != nil {
		return err
	}
	p.source.start = start.offset
	im.progress.copied(p, end.offset, 0)
	return nil
}

// raiseStart has the target begin where the source begins.
func (im *Importer) raiseStart(ctx context.Context, p *part) error {
	start := min(p.source.start, p.copied)
	if start <= p.start {
		return nil
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 30_000
	t, part := kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
	t.Topic, part.Partition, part.Offset = p.tp.Topic, p.tp.Partition, int64(start)
	t.Partitions = append(t.Partitions, part)
	req.Topics = append(req.Topics, t)
	err := im.persist(ctx, func(ctx context.Context) error {
		got, err := im.target.askLeader(ctx, p.tp, req)
		if err != nil {
			return err
		}
		resp, _ := got.(*kmsg.DeleteRecordsResponse)
		if resp == nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return errors.New("the target has not answered for " + partName(p.tp))
		}
		return im.target.refusedPartition(p.tp, resp.Topics[0].Partitions[0].ErrorCode, nil)
	})
	if err == nil {
		p.start = start
	}
	return err
}

// still reports whether the source ends where the target does, and everything was
// compared.
func (im *Importer) still(ctx context.Context) (bool, error) {
	if err := im.each(ctx, im.measure); err != nil {
		return false, err
	}
	open, grown := 0, false
	for _, p := range im.parts() {
		if p.source.stable < p.source.end {
			open++
		}
		grown = grown || p.source.stable != p.compared || p.source.stable != p.copied
	}
	im.progress.restless(open, grown)
	return open == 0 && !grown, nil
}

// outOfRange reports whether an offset is not there, or no more.
func outOfRange(err error) bool { return errors.Is(err, kerr.OffsetOutOfRange) }
