package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
)

// damage is what is known to be damaged in a log that serves.
//
// Two kinds. Fenced ranges of Positions were found by recovery or by the scrub:
// a batch in one answers ErrCorrupt, and all else is served. They are found
// again, so nothing on disk remembers them. Lost offsets were given up by
// salvage and are in its file: reads go on behind them, as they do where
// compaction left a gap.
//
// Positions of the main log and of the cold log mean other bytes, so each has
// its own ranges.
//
// A nil damage knows of none.
type damage struct {
	main, cold fences
	lost       map[model.PartitionID][]offsetRange // given up; not changed once the log is open
}

// in is the ranges of a log.
func (d *damage) in(log logID) *fences {
	if log == mainLog {
		return &d.main
	}
	return &d.cold
}

// give takes over what was given up.
func (d *damage) give(s *salvaged) {
	d.main.accepted, d.cold.accepted = s.Ranges, s.Cold
	d.lost = make(map[model.PartitionID][]offsetRange, len(s.Offsets))
	for _, o := range s.Offsets {
		d.lost[o.Partition] = append(d.lost[o.Partition], offsetRange{o.From, o.To})
	}
}

// isLost reports whether all of the offsets [from, to) were given up.
func (d *damage) isLost(id model.PartitionID, from, to model.Offset) bool {
	if d == nil || len(d.lost) == 0 {
		return false
	}
	return slices.ContainsFunc(d.lost[id], func(r offsetRange) bool { return r.from <= from && to <= r.to })
}

// alike is how far it is with all offsets as it is with one: given up, or not.
func (d *damage) alike(id model.PartitionID, from model.Offset) (to model.Offset, given bool) {
	to = math.MaxInt64
	if d == nil {
		return to, false
	}
	for _, r := range d.lost[id] { // ascending
		if from < r.from {
			return r.from, false
		}
		if from < r.to {
			return r.to, true
		}
	}
	return to, false
}

// batchLost reports whether a batch was given up: its offsets were, and it
// stands in bytes that were. A truncation may have given the offsets to others
// since, which stand elsewhere.
func (d *damage) batchLost(id model.PartitionID, e *index.Entry) bool {
	if !d.isLost(id, e.BaseOffset, e.LastOffset()+1) {
		return false
	}
	_, lost := touched(d.in(logID(e.Log)).accepted, e)
	return lost
}

// touched finds the first of some ranges that has a part of a batch.
func touched(ranges []PositionRange, e *index.Entry) (PositionRange, bool) {
	at := Position(e.Position)
	for _, r := range ranges {
		if at < r.To && r.From < at+Position(e.Length) {
			return r, true
		}
	}
	return PositionRange{}, false
}

// check refuses a batch that lies in a fenced range.
func (d *damage) check(id model.PartitionID, e *index.Entry) error {
	if d == nil {
		return nil
	}
	if r, ok := touched(d.in(logID(e.Log)).ranges(), e); ok {
		return fmt.Errorf("%w: partition %d, offsets %d to %d, at [%d, %d) of %v",
			ErrCorrupt, id, e.BaseOffset, e.LastOffset(), r.From, r.To, logID(e.Log))
	}
	return nil
}

// open leaves of the damage whose owners are unknown what was not given up.
func (d *damage) open(all []checkpointDamage) []checkpointDamage {
	return slices.DeleteFunc(slices.Clone(all), func(c checkpointDamage) bool { return holds(d.main.accepted, c.PositionRange) })
}

// readSalvaged reads what was given up. Without the file, or with a damaged
// one, nothing was: partitions refuse again, and reads answer that the bytes
// are damaged, until salvage is asked again.
func (r *recovery) readSalvaged() error {
	l := r.log
	b, err := l.readSmallFile(salvagedName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s *salvaged
	if err == nil {
		s, err = decodeSalvaged(b)
	}
	if errors.Is(err, errSalvaged) || vfs.IsBadMedium(err) {
		l.env.Events(SalvagedUnreadable{Why: err})
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", salvagedName, err)
	}
	l.damage.give(s)
	return nil
}

// keepGiven has no partition end below offsets that were given up: they were
// acknowledged once, and are never given to other records. The index knew of
// them; a rebuild does not. An entry behind the damage tells the end itself.
func (r *recovery) keepGiven() {
	l, accepted := r.log, r.log.damage.main.accepted
	if len(accepted) == 0 {
		return
	}
	last := accepted[len(accepted)-1].From
	for id, lost := range l.damage.lost {
		if l.env.Standing(id) != Live {
			continue
		}
		known := l.partitions.find(id) != nil
		p, end := l.Partition(id), lost[len(lost)-1].to
		if !known && r.replay.rebuild {
			p.rebuild()
		}
		at := p.positions()
		truncated := at.Truncate != noPosition && at.Truncate >= accepted[0].From
		if p.End() < end && !truncated && !saysEndBehind(at, last) {
			p.applyHole(last, end)
		}
	}
}

// fenceFound fences what recovery found, and has its segments stay. What was
// given up before is counted and no more.
func (r *recovery) fenceFound() {
	l := r.log
	r.found.Corrupt = r.withoutGiven(r.found.Corrupt, &l.damage.main)
	r.found.ColdCorrupt = r.withoutGiven(r.found.ColdCorrupt, &l.damage.cold)
	for _, x := range r.found.Corrupt {
		l.damage.main.fence(x)
		l.damage.main.keep(l.segments.all(), x)
	}
	for _, x := range r.found.ColdCorrupt {
		l.damage.cold.fence(x)
		l.damage.cold.keep(l.coldLog.segments.all(), x)
	}
}

func (r *recovery) withoutGiven(found []PositionRange, f *fences) []PositionRange {
	open := slices.DeleteFunc(slices.Clone(found), func(x PositionRange) bool { return holds(f.accepted, x) })
	r.found.GivenUp += len(found) - len(open)
	return open
}

// coldFound tells of damage in the cold log.
func (r *recovery) coldFound(at PositionRange, file, what string) {
	r.log.env.Events(CorruptionFound{Range: at, What: what, File: file, Given: holds(r.log.damage.cold.accepted, at)})
}

// DamageStats is the known damage of a log that serves.
type DamageStats struct {
	Ranges  int   // fenced: reads of them fail
	Bytes   int64 // in them
	Given   int   // ranges that were given up by salvage
	Refused int   // partitions that take no appends because of damage
	First   PositionRange
	InCold  int // of the ranges, those in the cold log: behind those of the main log
}

// Damage says what is known to be damaged.
func (l *Log) Damage() DamageStats {
	cold := l.damage.cold.ranges()
	list := slices.Concat(l.damage.main.ranges(), cold)
	s := DamageStats{Ranges: len(list), InCold: len(cold), Given: len(l.damage.main.accepted) + len(l.damage.cold.accepted)}
	for _, r := range list {
		s.Bytes += int64(r.To - r.From)
	}
	if len(list) > 0 {
		s.First = list[0]
	}
	if l.refusing.Load() {
		for _, p := range l.partitions.all() {
			if errors.Is(p.Refused(), ErrOwnerUnknown) {
				s.Refused++
			}
		}
	}
	return s
}

// hold pins the segment of a place that an index names. Where that one was
// removed the batch has moved, or its offset is out of range by now: look again.
// Where its file has lost its end the batch is damaged.
func (l *Log) hold(at place) (*segment, error) {
	if s := l.segmentsOf(at.log).pin(at.at); s != nil {
		return s, nil
	}
	if at.log == mainLog {
		c := l.segments.all()
		if s := c.find(at.at); s != nil && at.at >= s.limit() {
			if next := c.after(s); next == nil || next.PreviousSalt == s.Salt {
				return nil, fmt.Errorf("%w: segment %s ends at %d, before %d", ErrCorrupt, s.name, s.limit(), at.at)
			}
		}
	}
	return nil, errMoved
}

// stays tells a batch that is gone from one that moved on: that the index says
// again and again to be where nothing is. What was deleted may be gone.
func (p *PartitionLog) stays(err error) error {
	if !errors.Is(err, errMoved) || errors.Is(p.Refused(), ErrDropped) {
		return err
	}
	return fmt.Errorf("%w: the index names a segment that is not there, or has lost its end", ErrCorrupt)
}

// findShort tells of segments whose files end before their successors begin.
func (r *recovery) findShort() {
	l := r.log
	c := l.segments.all()
	for i := 1; i < len(c); i++ {
		if s := c[i-1]; c[i].PreviousSalt == s.Salt && s.limit() < c[i].First {
			lost := PositionRange{s.limit(), c[i].First}
			if l.damage.main.fence(lost) {
				r.found.Corrupt = append(r.found.Corrupt, lost)
				l.env.Events(CorruptionFound{Range: lost, What: fmt.Sprintf("segment %s has lost its end: "+
					"put the file back from a copy, or see `mainstem log check` for what is lost", s.name)})
			}
		}
	}
}
