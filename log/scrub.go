package log

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

const (
	// scrubFirst is when the first pass of a life begins: a start has enough to
	// read as it is.
	scrubFirst = time.Minute
	// scrubPeriod is the least time from the begin of one pass to the next.
	scrubPeriod = time.Hour
)

// scrub is the goroutine that reads the whole log again and again, slowly, and
// checks every CRC: damage in what nobody reads is found while a copy of it may
// still exist. It looks only below the synced Position, where nothing may be
// torn; so all that is bad there is damage. What it finds is fenced, and served
// again if a later pass reads it well: a disk may have been away for a while.
//
// It reads as the cold lane does: what was not in the page cache leaves it
// again. Nothing is remembered over a restart.
type scrub struct {
	log   *Log
	rate  int64 // bytes a second; 0: off
	stop  chan struct{}
	due   time.Time    // when the next chunk may be read
	found []foundRange // fenced by it
	bytes atomic.Int64

	mu struct {
		sync.Mutex
		at     Position // the pass under way stands here
		passes int
		took   time.Duration // by the last pass
		ended  time.Time
	}
}

// ScrubStats is how far the scrub is.
type ScrubStats struct {
	BytesPerSec int64 // 0: it is off
	Bytes       int64 // read since the start
	Passes      int   // whole ones since the start
	At          Position
	LastPass    time.Duration // what the last whole pass took
	LastEnd     time.Time
}

func newScrub(l *Log) *scrub {
	return &scrub{log: l, rate: l.cfg.ScrubBytesPerSec, stop: make(chan struct{})}
}

// Scrubbed says how far the scrub is.
func (l *Log) Scrubbed() ScrubStats {
	s := l.scrub
	s.mu.Lock()
	defer s.mu.Unlock()
	return ScrubStats{
		BytesPerSec: s.rate, Bytes: s.bytes.Load(), Passes: s.mu.passes, At: s.mu.at, LastPass: s.mu.took, LastEnd: s.mu.ended,
	}
}

// run is the goroutine.
func (s *scrub) run() {
	now := s.log.env.Clock.Now
	for wait := scrubFirst; s.sleep(wait); {
		begin, bytes := now(), s.bytes.Load()
		if !s.pass() || !s.cold() {
			return
		}
		end := now()
		took := end.Sub(begin)
		s.mu.Lock()
		s.mu.passes++
		s.mu.took, s.mu.ended = took, end
		s.mu.Unlock()
		s.log.env.Events(ScrubPassed{Bytes: s.bytes.Load() - bytes, Took: took, Damaged: s.log.Damage().Ranges})
		wait = scrubPeriod - took
	}
}

// sleep waits; false means that the log is being closed.
func (s *scrub) sleep(d time.Duration) bool { return clock.Wait(s.log.env.Clock, d, s.stop) }

func (s *scrub) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// pace waits until n more bytes may be read.
func (s *scrub) pace(n int) bool {
	now := s.log.env.Clock.Now()
	if wait := s.due.Sub(now); wait > 0 {
		if !s.sleep(wait) {
			return false
		}
	} else {
		s.due = now
	}
	s.due = s.due.Add(time.Duration(float64(n) / float64(s.rate) * float64(time.Second)))
	s.bytes.Add(int64(n))
	return !s.stopped()
}

// pass reads what the log holds as of now; false if it was stopped.
func (s *scrub) pass() bool {
	l := s.log
	to := l.syncer.position()
	c := l.segments.all()
	if len(c) == 0 {
		return true
	}
	l.damage.main.forget(c) // also what was found in a segment that went meanwhile
	s.lift()
	for at := c[0].First; at < to; {
		c = l.segments.all()
		seg := c[max(c.index(at), 0)]
		next := c.after(seg)
		if seg.First >= to {
			return true
		}
		if !seg.acquire() {
			continue // reclaimed at this moment: the chain has changed
		}
		ok := s.segment(seg, next, to)
		seg.Release()
		if !ok {
			return false
		}
		if next == nil {
			return true
		}
		at = next.First
		s.mu.Lock()
		s.mu.at = at
		s.mu.Unlock()
	}
	return true
}

// segment checks one segment up to a Position.
func (s *scrub) segment(seg, next *segment, to Position) bool {
	c := s.shadow(seg, next, to)
	if err := s.header(c[0]); err != nil && !s.stopped() {
		s.log.env.Events(BackgroundFailed{What: "checking the header of " + seg.name, Err: err})
	}
	sc := newScanner(c, seg.First)
	for {
		item, err := sc.next()
		switch {
		case s.stopped():
			return false
		case errors.Is(err, io.EOF):
			return true
		case err != nil:
			s.log.env.Events(BackgroundFailed{What: "checking " + seg.name, Err: err})
			return true
		case item.Kind == scanEntry:
			continue
		}
		bad := PositionRange{item.At, min(item.End, sc.chain[0].limit())}
		if next != nil {
			bad.To = min(bad.To, next.First)
		}
		if s.sound(seg, next, bad) {
			s.log.env.Events(BackgroundFailed{What: "checking " + seg.name, Err: fmt.Errorf("at %d: %w, but not when it was read again", bad.From, item.Why)})
			continue
		}
		if s.stopped() {
			return false
		}
		s.fence(seg, bad, item.Why)
	}
}

// sound reads a range of a segment again, from the disk, and reports whether
// all of it is good.
func (s *scrub) sound(seg, next *segment, r PositionRange) bool {
	seg.file.DropCache(seg.offset(r.From), int64(r.To-r.From))
	sc := newScanner(s.shadow(seg, next, r.To), r.From)
	for {
		item, err := sc.next()
		if errors.Is(err, io.EOF) {
			return !s.stopped()
		}
		if err != nil || item.Kind != scanEntry {
			return false
		}
	}
}

// lift takes the fence from what it had found damaged and finds sound: a disk
// that could not be read for a while is not damaged.
func (s *scrub) lift() {
	l := s.log
	s.found = slices.DeleteFunc(s.found, func(r foundRange) bool {
		c := l.segmentsOf(r.log).all()
		seg := c.find(r.From)
		if seg == nil || !c.covers(r.PositionRange) || !seg.acquire() {
			return true // gone
		}
		defer seg.Release()
		next := c.after(seg)
		if r.log != mainLog {
			next = nil
		}
		sound := s.sound(seg, next, r.PositionRange)
		if sound {
			l.damage.in(r.log).lift(r.PositionRange)
			l.env.Events(DamageLifted{Range: r.PositionRange, File: seg.name})
		}
		return sound
	})
}

// header checks a segment's header on disk against the one that was read when
// the segment was opened, or written when it was made.
func (s *scrub) header(seg *segment) error {
	if seg.repaired {
		return nil // known since the start
	}
	var b [segmentHeaderUsed]byte
	if _, err := seg.file.ReadAt(b[:], 0); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	h, err := decodeSegmentHeader(b[:])
	if err == nil && h != seg.segmentHeader {
		err = errSegmentFields
	}
	return err
}

// shadow is the segment, read slowly.
func (s *scrub) shadow(seg, next *segment, to Position) chain {
	return seg.shadow(&quietFile{seg.file, s.log.cold, scrubKey, s.pace}, next, to)
}
