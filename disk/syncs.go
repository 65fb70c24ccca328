package disk

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// StallAfter is how long a sync may take before the disk counts as stalled.
const StallAfter = 5 * time.Second

// syncBounds are the upper bounds of the histogram's buckets.
var syncBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	StallAfter, 10 * time.Second, 30 * time.Second,
}

// Syncs measures how long the disk takes to make things durable: fdatasync of
// files and fsync of directories, of all rooms together. Of other changes it
// knows those that have not come back.
type Syncs struct {
	clock   clock.Clock
	buckets [len(syncBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
	stalls  atomic.Uint64

	mu struct {
		sync.Mutex
		running []*Running // oldest first: they begin under the lock
	}
}

// Running is a sync, or another change of the disk, that has not come back yet.
type Running struct {
	What  string // in words: "sync", "write", ...
	Name  string // of the file or directory
	Since time.Time
}

func newSyncs(c clock.Clock) *Syncs { return &Syncs{clock: c} }

// measure runs a sync.
func (s *Syncs) measure(name string, run func() error) error {
	took, err := s.watch("sync", name, run)
	i := 0
	for i < len(syncBounds) && took > syncBounds[i] {
		i++
	}
	s.buckets[i].Add(1)
	s.nanos.Add(int64(took))
	return err
}

// watch runs a change of the disk, so that it is seen while it does not come
// back. A disk that stalls, or a file system that is frozen, may keep the write
// in front of the sync.
func (s *Syncs) watch(what, name string, run func() error) (took time.Duration, err error) {
	r := &Running{What: what, Name: name}
	s.mu.Lock()
	r.Since = s.clock.Now()
	s.mu.running = append(s.mu.running, r)
	s.mu.Unlock()
	err = run()
	took = max(s.clock.Now().Sub(r.Since), 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.mu.running, r)
	s.mu.running = slices.Delete(s.mu.running, at, at+1)
	return took, err
}

// Longest is the sync or other change that has been under way longest, and for
// how long; false if there is none.
func (s *Syncs) Longest() (Running, time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.running) == 0 {
		return Running{}, 0, false
	}
	r := *s.mu.running[0]
	return r, max(s.clock.Now().Sub(r.Since), 0), true
}

// Stalled is the one for which the disk counts as stalled now.
func (s *Syncs) Stalled() (Running, time.Duration, bool) {
	r, took, ok := s.Longest()
	return r, took, ok && took > StallAfter
}

// SyncStats are the figures of all syncs since the start.
type SyncStats struct {
	Count, Stalls uint64
	Seconds       float64
	// Cumulative counts, by upper bound in seconds, as a histogram has them.
	Cumulative map[float64]uint64
}

// Stats returns current figures.
func (s *Syncs) Stats() SyncStats {
	st := SyncStats{Cumulative: make(map[float64]uint64, len(syncBounds))}
	for i, bound := range syncBounds {
		st.Count += s.buckets[i].Load()
		st.Cumulative[bound.Seconds()] = st.Count
	}
	st.Count += s.buckets[len(syncBounds)].Load()
	st.Seconds = time.Duration(s.nanos.Load()).Seconds()
	st.Stalls = s.stalls.Load()
	return st
}

// lookAtSyncsLocked tells once of each time that the disk stalls, and once that
// it is over.
func (g *Guard) lookAtSyncsLocked() {
	r, _, stalled := g.syncs.Stalled()
	switch since := g.mu.stalled; {
	case stalled && since.IsZero():
		g.mu.stalled = r.Since
		g.syncs.stalls.Add(1)
		g.noteLocked(SyncStalled{Sync: r})
	case !stalled && !since.IsZero():
		g.mu.stalled = time.Time{}
		g.noteLocked(SyncRecovered{Since: since, Took: g.env.Clock.Now().Sub(since)})
	}
}
