package log

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// openCold opens the segments of the cold log, whatever holds or does not hold
// anything: what no index speaks of is dead, and goes with the next Reclaim.
func (r *recovery) openCold() error {
	l := r.log
	var found chain
	defer func() {
		slices.SortFunc(found, func(a, b *segment) int { return cmp.Compare(a.First, b.First) })
		l.coldLog.segments.chain.Store(&found)
	}()
	for _, name := range r.names {
		if _, ok := parseColdName(name); !ok {
			continue
		}
		s, err := openSegment(l.env.FS, l.env.Dir, name)
		if s == nil {
			return err
		}
		if errors.Is(err, errSegmentVersion) {
			s.Release()
			return err
		}
		if err != nil {
			s.repaired, s.IsFirst, s.PreviousEnd = true, true, s.First
			l.env.Events(CorruptionFound{Range: PositionRange{s.First, s.First}, What: headerLost(err), File: name})
			if !r.repairCold(s) {
				s.Release()
				r.coldLost = append(r.coldLost, asideFile{name, err.Error()})
				continue
			}
		}
		found = append(found, s)
		// Behind what may have been written there by the life that made it.
		l.coldLog.raiseEnd(alignUp(max(s.limit(), s.First+entryHeaderSize)))
	}
	for _, c := range r.checkpoints {
		l.coldLog.raiseEnd(c.ColdEnd)
	}
	return nil
}

func alignUp(p Position) Position { return (p + entryAlign - 1) &^ (entryAlign - 1) }

// repairCold finds the salt of a segment whose header is damaged.
func (r *recovery) repairCold(s *segment) bool {
	for _, c := range r.checkpoints {
		for _, known := range c.Cold {
			if known.First == s.First && known.Log == s.Log {
				s.Salt, s.Generation = known.Salt, known.Generation
				return true
			}
		}
	}
	return r.saltOfFirst(s)
}

// checkCold refuses a cold log that lacks a segment, and takes over what the
// checkpoint counted.
func (r *recovery) checkCold() error {
	if r.chosen == nil && len(r.coldLost) > 0 {
		x := r.coldLost[0]
		return fmt.Errorf("segment %s: %s, and neither a checkpoint nor its entries tell its salt; "+
			"the indexes can not be rebuilt without it", x.name, x.why)
	}
	k, c := r.newest(), r.log.coldLog.segments.all()
	if k == nil {
		return nil
	}
	for _, want := range k.Cold {
		s := c.find(want.First)
		if s == nil || s.First != want.First || s.Log != want.Log || s.Salt != want.Salt {
			return fmt.Errorf("%w: segment %s, which the checkpoint names", errMissing,
				(&segmentHeader{Log: want.Log, First: want.First}).name())
		}
		if k == r.chosen {
			s.live.Store(want.LiveBytes)
			s.held.Store(want.HeldBytes)
		}
	}
	if k == r.chosen {
		r.aside = append(r.aside, r.coldLost...)
	}
	return nil
}

// durableIn is how many bytes of batches were durable in a segment of the cold
// log, as far as a checkpoint tells. Without one there may have been none yet.
func (r *recovery) durableIn(seg *segment) int64 {
	k := r.newest()
	if k == nil {
		return 0
	}
	for _, known := range k.Cold {
		if known.First == seg.First {
			return known.HeldBytes
		}
	}
	return 0
}

// findCopies looks through the cold log for a rebuild.
func (r *recovery) findCopies() error {
	c, err := findCopies(r.log.coldLog.segments.all(), r.durableIn, r.log.env.Events)
	if err != nil {
		return err
	}
	r.replay.copies = *c
	r.found.ColdCorrupt = c.bad
	if at := c.highest(); at > 0 {
		// Only what is below a checkpoint is relocated.
		r.replay.synced = max(r.replay.synced, at+entryHeaderSize)
	}
	return nil
}
