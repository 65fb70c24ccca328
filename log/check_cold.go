package log

import (
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// coldAudit reads the cold log and holds it against the indexes. There is no
// order to follow, as there is in the main log: each entry is looked up in the
// index of its partition, and what the index has there and nobody met is read
// by itself.
type coldAudit struct {
	damaged []badRange
	met     map[model.PartitionID]int // batches that the index finds where they are
	pinned  map[model.PartitionID]int // batches that the index finds in the cold log
	wrong   int
	example string
}

func (a *coldAudit) bad(r PositionRange, why string) { a.damaged = append(a.damaged, badRange{r, why}) }

// hits reports whether damage touches [from, to).
func (a *coldAudit) hits(from, to Position) bool {
	return slices.ContainsFunc(a.damaged, func(r badRange) bool { return from < r.To && r.From < to })
}

// run reads all of the cold log. Without a checkpoint there is no index to
// compare with: the replay makes one of what is good.
func (a *coldAudit) run(c *checker) error {
	l := c.recovery.log
	a.met, a.pinned = make(map[model.PartitionID]int), make(map[model.PartitionID]int)
	for _, seg := range l.coldLog.segments.all() {
		if seg.lostTo > 0 {
			a.bad(seg.lost(), "segment "+seg.name+" has lost its end")
		}
		found, err := scanCold(seg, 0, func(it *scanItem) error { return a.meet(c, seg, it) })
		if err != nil {
			return fmt.Errorf("read the cold log: %w", err)
		}
		for _, b := range found.bad {
			a.bad(b.PositionRange, b.why.Error())
		}
	}
	return nil
}

// meet takes a good entry.
func (a *coldAudit) meet(c *checker, seg *segment, it *scanItem) error {
	h := &it.Header
	if !h.Kind.holdsBatches() {
		return nil
	}
	c.report.ColdBatches += int64(len(it.Batches))
	p := c.recovery.log.partitions.find(h.Partition)
	if p == nil || c.recovery.chosen == nil {
		return nil
	}
	living, err := p.livingIn(place{seg.Log, it.At}, it.End, h.BaseOffset, h.BaseOffset+model.Offset(h.LastDelta))
	if err != nil || len(living) == 0 {
		return nil //nolint:nilerr // Damage of an index is told where all of it is read.
	}
	if headersOf(it.Batches, living) == nil {
		if a.wrong++; a.example == "" {
			a.example = fmt.Sprintf("partition %d, offsets from %d on, at %d", h.Partition, living[0].BaseOffset, it.At)
		}
		return nil
	}
	a.met[h.Partition] += len(living)
	return nil
}

// pinnedIn counts what the index of a partition has in the cold log.
func (a *coldAudit) pinnedIn(p *PartitionLog) error {
	it, err := p.iterate(p.Start())
	for err == nil {
		e, _, more, failed := it.next()
		if failed != nil || !more {
			return failed
		}
		if logID(e.Log) != mainLog {
			a.pinned[p.ID()]++
		}
	}
	return err
}

// coldLost reports whether an index entry of the cold log can not be read. unsure:
// not all of the partition's were met.
func (c *checker) coldLost(p *PartitionLog, e *index.Entry, unsure bool) bool {
	at := PositionRange{Position(e.Position), Position(e.Position) + Position(e.Length)}
	if c.cold.hits(at.From, at.To) {
		if !slices.ContainsFunc(c.cold.damaged, func(r badRange) bool { return r.From <= at.From && at.To <= r.To }) {
			c.cold.bad(at, "a batch of which a part is damaged") // as where a file has lost its end
		}
		return true
	}
	if !unsure {
		return false
	}
	err := p.verify(e)
	if err == nil {
		b := make([]byte, e.Length)
		if err = p.log.readPlace(place{logID(e.Log), at.From}, b); err == nil {
			err = sameBatch(e, b)
		}
	}
	if err != nil {
		c.cold.bad(at, p.stays(err).Error())
		return true
	}
	return false
}

// judgeCold tells what is damaged in the cold log.
func (c *checker) judgeCold() {
	accepted := c.recovery.log.damage.cold.accepted
	var open, told []PositionRange
	for _, b := range c.cold.damaged {
		if holds(told, b.PositionRange) {
			continue
		}
		told = append(told, b.PositionRange)
		file := c.fileAt(true, b.From)
		if holds(accepted, b.PositionRange) {
			c.note(KindOfSalvage, file, b.PositionRange, "cold log: "+b.why+"; it was given up as lost by a salvage")
			continue
		}
		open = append(open, b.PositionRange)
		c.damage(KindOfSegments, file, b.PositionRange, "cold log: "+b.why,
			"put the segment back from a copy; or `mainstem log salvage` gives it up as lost, so that consumers go on behind it")
	}
	c.report.heal.cold = joinRanges(open)
	if n := c.cold.wrong; n > 0 && c.opts.Standing != nil {
		c.damage(KindOfIndexes, "", PositionRange{}, fmt.Sprintf("the indexes do not match the cold log: %d entries differ; %s", n, c.cold.example),
			dropIndexesAdvice)
	}
}

// missingCold finds out which segments of the cold log a checkpoint misses. An
// empty one in the place of each would let the broker start.
func (c *checker) missingCold() error {
	k, heal := c.recovery.newest(), &c.report.heal
	if k == nil {
		return nil
	}
	n, chain := 0, c.recovery.log.coldLog.segments.all()
	for _, want := range k.Cold {
		s, what := chain.find(want.First), " is missing"
		switch {
		case s == nil || s.First != want.First:
		case s.Log != want.Log || s.Salt != want.Salt:
			heal.hopeless = true // of another log
			continue
		default:
			hollow, err := c.recovery.hollow(s, want.LiveBytes)
			if err != nil {
				return err
			}
			if !hollow {
				continue
			}
			what = " is empty"
		}
		h := segmentHeader{Log: want.Log, First: want.First, Salt: want.Salt, Generation: want.Generation, IsFirst: true, PreviousEnd: want.First}
		heal.segments = append(heal.segments, segmentLoss{segmentHeader: h, End: want.First})
		if want.LiveBytes > 0 {
			c.cold.bad(PositionRange{want.First, max(k.coldLimit(want.First), want.First+Position(want.LiveBytes))}, "segment "+want.coldName()+what)
		}
		n++
	}
	if n > 0 {
		c.damage(KindOfSegments, "", PositionRange{}, fmt.Sprintf("%d segment files of the cold log are missing or empty", n),
			"put them back from a copy; or have `mainstem log salvage` put empty ones in their place, which gives up what they held")
	}
	return nil
}
