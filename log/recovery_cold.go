package log

import (
	"cmp"
	"errors"
	"fmt"
	"io"
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
	for _, x := range l.damage.cold.accepted { // what is written next must not count as given up
		l.coldLog.raiseEnd(alignUp(x.To))
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
	var refused error
	for _, want := range k.Cold {
		s := c.find(want.First)
		if s == nil || s.First != want.First || s.Log != want.Log || s.Salt != want.Salt {
			refused = cmp.Or(refused, fmt.Errorf("%w: segment %s, which the checkpoint names", errMissing, want.coldName()))
			continue
		}
		if k == r.chosen {
			s.live.Store(want.LiveBytes)
			s.held.Store(want.HeldBytes)
		}
		hollow, err := r.hollow(s, want.LiveBytes)
		if err != nil {
			return err
		}
		if hollow {
			refused = cmp.Or(refused, fmt.Errorf("%w: segment %s is empty, and the checkpoint knows of %d bytes in it that live", errMissing, s.name, want.LiveBytes))
		}
		if r.lostEnd(s, &want) {
			s.lostTo = k.coldLimit(want.First)
		}
	}
	if refused == nil && k == r.chosen {
		r.aside = append(r.aside, r.coldLost...)
	}
	return refused
}

// coldName is the name of a segment of the cold log that a checkpoint names.
func (c *checkpointSegment) coldName() string {
	return (&segmentHeader{Log: c.Log, First: c.First}).name()
}

// coldLimit is where a segment of the cold log ends at the latest: where another
// begins.
func (c *checkpoint) coldLimit(first Position) Position {
	end := c.ColdEnd
	for _, s := range c.Cold {
		if s.First > first {
			end = min(end, s.First)
		}
	}
	return end
}

// hollow reports whether nothing is left of a segment of the cold log in which so
// many bytes live. One that a salvage has put in the place of another is as it
// should be.
func (r *recovery) hollow(s *segment, live int64) (bool, error) {
	switch {
	case live == 0 || holds(r.log.damage.cold.accepted, PositionRange{s.First, s.First + Position(live)}):
		return false, nil
	case s.limit() == s.First:
		return true, nil
	case !s.repaired:
		return false, nil
	}
	// The header is gone: perhaps the rest as well, as where zeros were restored.
	scan := newScanner(chain{s}, s.First)
	for {
		item, err := scan.next()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("read segment %s: %w", s.name, err)
		}
		if item.Kind != scanGap || item.Unread {
			return false, nil // a disk that is away for a while has it still
		}
	}
}

// lostEnd reports whether the file of a segment of the cold log is shorter than
// what a checkpoint knows to be in it. That is all that a start can tell without
// a look at the segment, so the headers between the batches are left out: what
// they take at the end is missed only when it is read.
func (r *recovery) lostEnd(s *segment, known *checkpointSegment) bool {
	behind := PositionRange{s.limit(), s.limit() + 1}
	return known.LiveBytes > 0 && int64(s.limit()-s.First) < known.HeldBytes+entryHeaderSize && !holds(r.log.damage.cold.accepted, behind)
}

// findShortCold tells of segments of the cold log that have lost their ends.
func (r *recovery) findShortCold() {
	for _, s := range r.log.coldLog.segments.all() {
		if s.lostTo == 0 {
			continue
		}
		if lost := s.lost(); r.log.damage.cold.fence(lost) {
			r.found.ColdCorrupt = append(r.found.ColdCorrupt, lost)
			r.log.env.Events(CorruptionFound{Range: lost, File: s.name, What: fmt.Sprintf("cold log, segment %s has lost its end: "+
				"put the file back from a copy, or see `mainstem log check` for what is lost", s.name)})
		}
	}
}

// lost is what the file of a segment of the cold log may have lost at its end.
func (s *segment) lost() PositionRange { return PositionRange{s.limit(), s.lostTo} }

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
	c, err := findCopies(r.log.coldLog.segments.all(), r.durableIn, r.coldFound)
	if err != nil {
		return err
	}
	r.replay.copies = *c
	r.found.ColdCorrupt, r.unsure = c.bad, c.unsure
	if at := c.highest(); at > 0 {
		// Only what is below a checkpoint is relocated.
		r.replay.synced = max(r.replay.synced, at+entryHeaderSize)
	}
	return nil
}

// rewriteCold makes durable what was found in the cold log and only the page
// cache may have: copies, and a run, that a process was killed over before they
// were synced. The checkpoint of this start counts them, and may find copies
// there whose originals go next.
func (r *recovery) rewriteCold() error {
	if len(r.unsure) == 0 {
		return nil
	}
	buf := make([]byte, min(rewriteChunk, r.log.coldLog.segments.bytes))
	for _, x := range r.unsure {
		if seg := r.log.coldLog.segments.all().find(x.From); seg != nil {
			if err := seg.rewrite(seg.offset(x.From), seg.offset(x.To), buf); err != nil {
				return err
			}
		}
	}
	return nil
}
