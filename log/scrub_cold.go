package log

import (
	"errors"
	"fmt"
)

// foundRange is what the scrub has fenced.
type foundRange struct {
	log logID
	PositionRange
}

// cold checks the segments of the cold log, each up to where its file ends now.
// One that is being written is no exception: nothing in it changes. false: the
// log is being closed.
func (s *scrub) cold() bool {
	l := s.log
	l.damage.cold.forget(l.coldLog.segments.all())
	for _, seg := range l.coldLog.segments.all() {
		if !seg.acquire() {
			continue // removed at this moment
		}
		s.coldSegment(seg)
		seg.Release()
		if s.stopped() {
			return false
		}
	}
	return true
}

func (s *scrub) coldSegment(seg *segment) {
	l := s.log
	failed := func(err error) {
		if !s.stopped() {
			l.env.Events(BackgroundFailed{What: "checking " + seg.name, Err: err})
		}
	}
	size, err := seg.file.Size()
	if err != nil {
		failed(err)
		return
	}
	c := s.shadow(seg, nil, seg.First+Position(max(size-segmentHeaderSize, 0)))
	if err := s.header(c[0]); err != nil {
		failed(fmt.Errorf("its header: %w", err))
	}
	found, err := scanCold(c[0], 0, func(*scanItem) error {
		if s.stopped() {
			return ErrClosed
		}
		return nil
	})
	if err != nil {
		if !errors.Is(err, ErrClosed) {
			failed(err)
		}
		return
	}
	for _, b := range found.bad {
		if s.sound(seg, nil, b.PositionRange) {
			failed(fmt.Errorf("at %d: %w, but not when it was read again", b.From, b.why))
			continue
		}
		if s.stopped() {
			return
		}
		s.fence(seg, b.PositionRange, b.why)
	}
}

// fence takes note of damage.
func (s *scrub) fence(seg *segment, r PositionRange, why error) {
	if s.log.damage.in(seg.Log).fence(r) {
		s.found = append(s.found, foundRange{seg.Log, r})
		s.log.env.Events(DamageFenced{Range: r, File: seg.name, What: why})
	}
}
