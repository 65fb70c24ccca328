package log

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// markDelay is how long the log is idle before it writes a sync mark. Without
// it every lone append would be followed by one.
const markDelay = 50 * time.Millisecond

// syncer is the one goroutine that makes the log durable. While it waits for
// the disk the writer goes on, so that all that came meanwhile shares the next
// sync: the sync is the linger.
//
// Invariant: everything below synced is durable. A segment is synced before
// any that follows it, so there is never a durable entry behind a lost one
// that was reported durable.
type syncer struct {
	segments *segments
	latch    *latch
	clock    clock.Clock
	interval time.Duration // bound for what nobody waits for
	idle     func()        // called after markDelay without new work
	gate     *gate         // keeps reads of the disk out of the way

	wake   chan struct{}
	synced atomic.Uint64 // Position
	syncs  atomic.Uint64
	nanos  atomic.Int64 // in fdatasync

	mu struct {
		sync.Mutex
		written Position
		want    Position      // somebody waits for this to become durable
		waits   []durableWait // ascending by end
		asleep  bool
		closed  bool
		late    clock.Timer // bounds the age of unsynced bytes; nil: not running
		mark    clock.Timer
	}
}

// durableWait is an append, or a call of Sync, that waits for the disk.
type durableWait struct {
	append *Append
	done   func(error)
	at     Position // of the append's entry
	end    Position // of it, or of all that Sync waits for
}

func newSyncer(segs *segments, l *latch, c clock.Clock, interval time.Duration) *syncer {
	return &syncer{segments: segs, latch: l, clock: c, interval: interval, gate: newGate(c), wake: make(chan struct{}, 1)}
}

// start sets what recovery found durable, before the goroutine runs.
func (s *syncer) start(at Position) {
	s.synced.Store(uint64(at))
	s.mu.written, s.mu.want = at, at
}

// position is where the durable part of the log ends.
func (s *syncer) position() Position { return Position(s.synced.Load()) }

// end is where the written part of the log ends.
func (s *syncer) end() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.written
}

// advance tells that the log is written up to a Position, and whether anybody
// will wait for it.
func (s *syncer) advance(written Position, want bool) {
	s.mu.Lock()
	s.mu.written = written
	if want {
		s.mu.want = written
		s.unlockAndWake()
		return
	}
	if s.mu.late == nil && s.mu.want < written && !s.mu.closed {
		s.mu.late = s.clock.AfterFunc(s.interval, s.flushLate)
	}
	s.mu.Unlock()
}

// flushLate makes durable what nobody waits for, once it is old enough.
func (s *syncer) flushLate() {
	s.mu.Lock()
	s.mu.late = nil
	s.mu.want = s.mu.written
	s.unlockAndWake()
}

// add registers who waits. Their bytes may be durable already, or the sync
// that was to make them so has failed: then the goroutine sleeps again.
func (s *syncer) add(waits []durableWait) {
	if len(waits) == 0 {
		return
	}
	s.mu.Lock()
	s.mu.waits = append(s.mu.waits, waits...)
	if s.mu.waits[0].end <= s.position() || s.latch.err() != nil {
		s.unlockAndWake()
		return
	}
	s.mu.Unlock()
}

// sync calls done once all that is written now is durable.
func (s *syncer) sync(done func(error)) {
	s.mu.Lock()
	s.mu.waits = append(s.mu.waits, durableWait{done: done, end: s.mu.written})
	s.mu.want = s.mu.written
	s.unlockAndWake()
}

// close has run return once all that is written is durable.
func (s *syncer) close() {
	s.mu.Lock()
	s.mu.closed = true
	s.mu.want = s.mu.written
	for _, t := range []clock.Timer{s.mu.late, s.mu.mark} {
		if t != nil {
			t.Stop()
		}
	}
	s.unlockAndWake()
}

// kick has the goroutine look at the latch.
func (s *syncer) kick() {
	s.mu.Lock()
	s.unlockAndWake()
}

func (s *syncer) unlockAndWake() {
	asleep := s.mu.asleep
	s.mu.asleep = false
	s.mu.Unlock()
	if asleep {
		s.wake <- struct{}{}
	}
}

// run is the syncer goroutine.
func (s *syncer) run() {
	var waits []durableWait
	for {
		to, ok := s.next()
		if !ok {
			return
		}
		if from := s.position(); to > from && s.latch.err() == nil {
			// A failure has latched the log; those who wait hear of it below.
			if err := s.flush(from, to); err == nil {
				s.synced.Store(uint64(to))
			}
		}
		waits = s.due(waits[:0])
		s.report(waits)
		clear(waits)
	}
}

// next waits for something to do and returns how far to sync.
func (s *syncer) next() (to Position, ok bool) {
	for {
		s.mu.Lock()
		synced := s.position()
		failed := s.latch.err() != nil
		due := len(s.mu.waits) > 0 && (failed || s.mu.waits[0].end <= synced)
		if due || (s.mu.want > synced && !failed) {
			to = s.mu.written
			if s.mu.want <= synced {
				to = synced
			}
			s.mu.Unlock()
			return to, true
		}
		if s.mu.closed && len(s.mu.waits) == 0 {
			s.mu.Unlock()
			return 0, false
		}
		if s.mu.written == synced && !s.mu.closed {
			s.armMarkLocked()
		}
		s.mu.asleep = true
		s.mu.Unlock()
		<-s.wake
	}
}

func (s *syncer) armMarkLocked() {
	if s.idle == nil {
		return
	}
	if s.mu.mark == nil {
		s.mu.mark = s.clock.AfterFunc(markDelay, s.idle)
		return
	}
	s.mu.mark.Reset(markDelay)
}

// flush makes [from, to) durable, the oldest segment first.
func (s *syncer) flush(from, to Position) error {
	begin := s.clock.Now()
	for _, r := range s.segments.all().between(from, to) {
		if !r.acquire() {
			continue // replaced: nothing of it belongs to the log
		}
		s.gate.syncBegins()
		err := r.file.Datasync()
		s.gate.syncEnds()
		r.Release()
		if err != nil {
			return fmt.Errorf("sync segment %s: %w", r.name, err)
		}
	}
	s.syncs.Add(1)
	s.nanos.Add(int64(s.clock.Now().Sub(begin)))
	return nil
}

// due takes those whose wait is over: all of them if the log has latched.
func (s *syncer) due(into []durableWait) []durableWait {
	synced := s.position()
	failed := s.latch.err() != nil
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(s.mu.waits) && (failed || s.mu.waits[n].end <= synced) {
		n++
	}
	into = append(into, s.mu.waits[:n]...)
	rest := copy(s.mu.waits, s.mu.waits[n:])
	clear(s.mu.waits[rest:])
	s.mu.waits = s.mu.waits[:rest]
	return into
}

// report tells the waiters, in log order.
func (s *syncer) report(waits []durableWait) {
	synced, failure := s.position(), s.latch.err()
	for i := range waits {
		w := &waits[i]
		var err error
		if w.end > synced {
			err = failure
		}
		switch {
		case w.done != nil:
			w.done(err)
		case err != nil:
			w.append.Partition.raiseGeneration()
			w.append.Done.Failed(w.append, err)
		default:
			if w.append.Kind == KindBatches {
				w.append.Partition.setDurable(w.at, w.append.LastOffset()+1)
			}
			w.append.Done.Durable(w.append)
		}
	}
}
