package log

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// judge turns what audit and replay saw into findings.
func (c *checker) judge() {
	c.judgeDamage()
	c.judgeTail()
	if c.opts.Standing == nil {
		return
	}
	c.judgeIndexes()
	c.judgeOwners()
	if len(c.unknown) > 0 {
		ids := slices.Sorted(maps.Keys(c.unknown))
		c.report.Unknown = ids
		c.report.Refused = fmt.Sprintf("%v: %s", errUnknownPartition, idList(ids))
		c.damage(KindOfMetadata, "", PositionRange{}, fmt.Sprintf("the log holds %d partitions that the metadata does not know: %s; the broker does not start",
			len(ids), idList(ids)), "log and metadata do not belong together: put the metadata directory back that belongs to this log; "+
			"or, if there is only this older one, `mainstem log salvage --adopt` makes a topic for each of these partitions, so that their records can be read")
	}
}

// judgeDamage tells each damaged range that was not given up.
func (c *checker) judgeDamage() {
	accepted := c.recovery.log.damage.main.accepted
	var open, told []PositionRange
	for _, b := range c.audit.damaged {
		if holds(told, b.PositionRange) {
			continue // of a segment that is missing, of which all is told
		}
		told = append(told, b.PositionRange)
		file := c.fileAt(false, b.From)
		if holds(accepted, b.PositionRange) {
			c.note(KindOfSalvage, file, b.PositionRange, b.why+"; it was given up as lost by a salvage")
			continue
		}
		open = append(open, b.PositionRange)
		c.damage(KindOfSegments, file, b.PositionRange, b.why,
			"put the segment back from a copy; or `mainstem log salvage` gives it up as lost, so that consumers go on behind it")
	}
	c.report.heal.corrupt = joinRanges(open)
}

// fileAt names the file in which a Position of the main log, or of the cold one,
// stands or has stood.
func (c *checker) fileAt(cold bool, at Position) string {
	files, name, first := c.recovery.log.segments, "", Position(0)
	if cold {
		files = c.recovery.log.coldLog.segments
	}
	if s := files.all().find(at); s != nil {
		name, first = s.name, s.First
	}
	for i := range c.report.heal.segments {
		x := &c.report.heal.segments[i]
		if (x.Log != mainLog) == cold && first <= x.First && x.First <= at {
			name, first = x.name(), x.First
		}
	}
	return name
}

func (c *checker) judgeIndexes() {
	a := &c.audit
	if a.missing+a.extra+a.wrong == 0 {
		return
	}
	c.damage(KindOfIndexes, "", PositionRange{}, fmt.Sprintf("the indexes do not match the log: %d batches are missing in them, %d are not in the log, %d are wrong; %s",
		a.missing, a.extra, a.wrong, strings.Join(a.examples, "; ")),
		dropIndexesAdvice)
}

// judgeOwners lists the partitions that refuse appends.
func (c *checker) judgeOwners() {
	l := c.recovery.log
	open := l.keeper.damage
	if len(open) == 0 {
		return
	}
	for _, p := range l.partitions.all() {
		if errors.Is(p.Refused(), ErrOwnerUnknown) && !c.unknown[p.ID()] {
			w := Waiting{Partition: p.ID(), End: p.End()}
			w.Topic, w.Index = c.name(p.ID())
			c.report.Waiting = append(c.report.Waiting, w)
		}
	}
	for _, d := range open {
		c.damage(KindOfOwners, "", d.PositionRange, fmt.Sprintf("nobody knows whose these bytes were: %d partitions may have ended in them, and refuse appends", len(c.report.Waiting)),
			"`mainstem log salvage` lets them go on at the ends listed here, which gives up what they may have had in the damage")
		c.report.heal.corrupt = joinRanges(append(c.report.heal.corrupt, d.PositionRange))
	}
}

func (c *checker) judgeTail() {
	r := c.recovery
	if !r.mark.Clean && r.markFault == nil {
		c.note(KindOfTail, startMarkName, PositionRange{}, "the last broker did not stop cleanly: the next start reads the end of the log")
	}
	torn := r.replay.torn()
	if torn == 0 {
		return
	}
	at := PositionRange{r.replay.end, r.replay.written}
	if r.replay.goodBehind() {
		c.note(KindOfTail, "", at, fmt.Sprintf("%d bytes behind the last entry that is known to be durable look written: "+
			"a torn tail. The next start cuts them off, and keeps a copy beside the log", torn))
		return
	}
	c.note(KindOfTail, "", at, fmt.Sprintf("%d bytes behind the last good entry look written: most often a write that the crash ended half way; "+
		"damage of the very last entries looks the same. The next start cuts them off, and keeps a copy beside the log", torn))
}

// losses finds the offsets that can not be read any more: index entries whose
// bytes are damaged, and gaps in the index.
func (c *checker) losses() error {
	l := c.recovery.log
	all := l.partitions.all()
	c.report.Partitions = len(all)
	if c.opts.Standing == nil {
		c.judgeCold()
		c.note(KindOfMetadata, "", PositionRange{}, "without the metadata nobody can tell which records of the log are lost and which were deleted: "+
			"only files and bytes were checked; check again once it is there")
		return nil
	}
	for _, p := range all {
		if errors.Is(p.Refused(), ErrDropped) {
			c.report.Partitions--
			continue
		}
		if err := c.lossesOf(p); err != nil {
			return err
		}
	}
	c.judgeCold()
	open := slices.ContainsFunc(c.report.Lost, func(x LostRange) bool { return !x.Given })
	if open && len(c.report.heal.corrupt)+len(c.report.heal.cold) == 0 {
		// A salvage gave the bytes up while the index could not tell whose they were.
		c.damage(KindOfOffsets, "", PositionRange{}, "offsets are lost, as listed, and reads of them fail, though all damage was given up",
			"`mainstem log salvage` gives them up too, so that consumers go on behind them")
	}
	return nil
}

func (c *checker) lossesOf(p *PartitionLog) error {
	l, unsure := c.recovery.log, false
	if c.recovery.chosen != nil && len(l.coldLog.segments.all())+len(c.report.heal.segments) > 0 {
		if err := c.cold.pinnedIn(p); err != nil && !errors.Is(err, ErrCorrupt) {
			return fmt.Errorf("read the index of partition %d: %w", p.ID(), err)
		}
		unsure = c.cold.pinned[p.ID()] != c.cold.met[p.ID()]
	}
	it, err := p.iterate(p.Start())
	next := p.Start()
	for err == nil {
		e, _, more, failed := it.next()
		if failed != nil {
			err = failed
			break
		}
		if !more {
			c.loseGap(p, next, p.End())
			return nil
		}
		gap := next
		next = e.LastOffset() + 1
		lost := false
		if logID(e.Log) == mainLog {
			lost = c.audit.hits(Position(e.Position), Position(e.Position)+Position(e.Length))
		} else {
			lost = c.coldLost(p, &e, unsure)
		}
		if lost && !l.damage.isLost(p.ID(), e.BaseOffset, next) && p.gapEnd(gap, e.BaseOffset) == e.BaseOffset {
			// With what compaction left out before it: indexes that are made anew do
			// not know where in the gap the batch stood.
			c.lose(p.ID(), gap, e.BaseOffset, 0)
		}
		c.loseGap(p, gap, e.BaseOffset)
		if lost {
			c.lose(p.ID(), e.BaseOffset, next, recordsOf(&e))
		}
	}
	if errors.Is(err, ErrCorrupt) {
		return nil // of the index, not of the log: it was told, and a rebuild mends it
	}
	return fmt.Errorf("read the index of partition %d: %w", p.ID(), err)
}

// loseGap notes what is missing in a gap of the index.
func (c *checker) loseGap(p *PartitionLog, from, to model.Offset) {
	for from = p.gapEnd(from, to); from < to; from = p.gapEnd(from, to) {
		end, _ := c.recovery.log.damage.alike(p.ID(), from)
		end = min(end, to)
		c.lose(p.ID(), from, end, -1)
		from = end
	}
}

// recordsOf is how many records a batch has, as far as the index tells: -1 for
// what a compaction wrote, of whose offsets some have no record.
func recordsOf(e *index.Entry) int64 {
	if logID(e.Log).isSide() {
		return -1
	}
	return int64(e.LastOffsetDelta) + 1
}

// hits reports whether damage touches [from, to).
func (a *audit) hits(from, to Position) bool {
	return slices.ContainsFunc(a.damaged, func(r badRange) bool { return from < r.To && r.From < to })
}

// lose notes lost offsets, as one with those right before them.
func (c *checker) lose(id model.PartitionID, from, to model.Offset, records int64) {
	if from >= to {
		return
	}
	given := c.recovery.log.damage.isLost(id, from, to)
	if n := len(c.report.Lost); n > 0 {
		if last := &c.report.Lost[n-1]; last.Partition == id && last.To == from && last.Given == given {
			last.To = to
			if records < 0 || last.Records < 0 {
				last.Records = -1
			} else {
				last.Records += records
			}
			return
		}
	}
	x := LostRange{Partition: id, From: from, To: to, Records: records, Given: given}
	x.Topic, x.Index = c.name(id)
	c.report.Lost = append(c.report.Lost, x)
}

func (c *checker) name(id model.PartitionID) (string, int32) {
	if c.opts.Name != nil {
		if topic, index, ok := c.opts.Name(id); ok {
			return topic, index
		}
	}
	return "", -1
}

func idList(ids []model.PartitionID) string {
	const most = 10
	list := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		list = append(list, fmt.Sprint(id))
	}
	if len(ids) > most {
		list = append(list, fmt.Sprintf("and %d more", len(ids)-most))
	}
	return strings.Join(list, ", ")
}
