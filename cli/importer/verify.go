package importer

import (
	"context"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// compare reads what both sides have of a partition and was not compared yet, record by
// record.
func (im *Importer) compare(ctx context.Context, p *part) error {
	if !p.begun {
		p.begun = true
		im.progress.compared(int64(p.start), 0)
		p.compared = p.start
	}
	to := min(p.copied, p.source.stable)
	source := &reader{im: im, side: im.source, tp: p.tp, next: max(p.compared, p.source.start), end: to}
	target := &reader{im: im, side: im.target, tp: p.tp, next: p.compared, end: to}
	for {
		s, err := source.peek(ctx)
		if err != nil {
			return err
		}
		t, err := target.peek(ctx)
		if err != nil {
			return err
		}
		bytes := source.bytes + target.bytes
		source.bytes, target.bytes = 0, 0
		switch {
		case s == nil && t == nil:
			im.advance(p, to, bytes)
			return nil
		case t == nil || s != nil && s.offset < t.offset:
			return differ(p, s.offset, "the target has no record there, and the source has one")
		case s == nil || t.offset < s.offset:
			if err := im.gone(ctx, p, t.offset); err != nil {
				return err
			}
			p.removed++
			im.advance(p, t.offset+1, bytes)
			target.pop()
		case s.digest != t.digest:
			return differ(p, t.offset, "its record is another one at the target than at the source")
		default:
			p.records++
			p.sum.Write(t.digest[:])
			im.advance(p, t.offset+1, bytes)
			source.pop()
			target.pop()
		}
	}
}

// toldEvery is after how many offsets of a partition something is told.
const toldEvery = 1024

// advance takes note of what was compared.
func (im *Importer) advance(p *part, to model.Offset, bytes int64) {
	p.untold += int64(to - p.compared)
	if p.compared = to; bytes > 0 || p.untold >= toldEvery {
		im.progress.compared(p.untold, bytes)
		p.untold = 0
	}
}

// gone finds out whether the source may have let a record go that was copied: by
// retention, or by compaction.
func (im *Importer) gone(ctx context.Context, p *part, at model.Offset) error {
	if p.topic.compact || at < p.source.start {
		return nil
	}
	err := im.persist(ctx, func(ctx context.Context) error {
		start, err := im.source.place(ctx, p.tp, atEarliest, readUncommitted)
		p.source.start = max(p.source.start, start.offset)
		return err
	})
	if err != nil || at < p.source.start {
		return err
	}
	return differ(p, at, "the source has no record there, and the target has one")
}

// differ says that the copy is not the same.
func differ(p *part, at model.Offset, what string) error {
	return fmt.Errorf("partition %s, offset %d: %s. Nothing was opened for producers; delete the topic at the target to begin anew", partName(p.tp), at, what)
}
