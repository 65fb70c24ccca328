package promise

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// History is what the members of many groups saw of a broker that is killed
// again and again, and what it owes them: no acknowledged commit goes back, no
// record is left out, and no partition that has something to read stands still in
// a group for longer than its session timeout while the broker is up.
type History struct {
	partitions int
	patience   time.Duration
	mu         struct {
		sync.Mutex
		groups map[string]*groupHistory
		ends   []int64 // Behind the records that the producer knows to be there.
		up     bool
		loaded bool // Up, and nobody has a reason to stand still.
		// longest is how long a partition stood still at most before it went on.
		longest time.Duration
	}
}

// groupHistory is one group's part.
type groupHistory struct {
	parts []partHistory
	// woke is how long after the broker's start it made the first progress, or
	// negative before that.
	woke time.Duration
	back time.Time
}

// partHistory is a partition as one group sees it.
type partHistory struct {
	covered      int64 // All records below were consumed.
	acked, tried int64 // Of commits; none: never.
	// stood is how long there was something to commit and no progress while the
	// broker was up, until since; lives of the broker that are shorter than a
	// session add up.
	stood time.Duration
	since time.Time
}

// behind tells that there are records whose commit was not acknowledged.
func (p *partHistory) behind(end int64) bool { return end > max(0, p.acked) }

// NewHistory is of groups that all consume a topic with so many partitions, and
// may each stand still for as long as their session timeout.
func NewHistory(groups []string, partitions int, session time.Duration) *History {
	h := &History{partitions: partitions, patience: session}
	h.mu.groups = map[string]*groupHistory{}
	h.mu.ends = make([]int64, partitions)
	for _, name := range groups {
		g := &groupHistory{parts: make([]partHistory, partitions), woke: -1}
		for p := range g.parts {
			g.parts[p] = partHistory{acked: none, tried: none}
		}
		h.mu.groups[name] = g
	}
	return h
}

// Up notes that the broker answers, from now on.
func (h *History) Up(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.up, h.mu.loaded = true, false
	for _, g := range h.mu.groups {
		g.back, g.woke = now, -1
	}
}

// Loaded notes that the broker, which is up, has answered for every group: from now
// on nobody may stand still.
func (h *History) Loaded(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.loaded = true
	for _, g := range h.mu.groups {
		for p := range g.parts {
			g.parts[p].since = now
		}
	}
}

// Down notes that the broker is about to be killed.
func (h *History) Down(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.mu.groups {
		for p := range g.parts {
			g.parts[p].stood = h.stood(p, g.parts[p], now)
		}
	}
	h.mu.up, h.mu.loaded = false, false
}

// Produced notes where a partition ends, by an acknowledged record: who was at
// its end has something to do from now on.
func (h *History) Produced(partition int32, end int64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if end <= h.mu.ends[partition] {
		return
	}
	for _, g := range h.mu.groups {
		if p := &g.parts[partition]; !p.behind(h.mu.ends[partition]) {
			p.stood, p.since = 0, now
		}
	}
	h.mu.ends[partition] = end
}

// Floor is the offset below which nobody who is assigned a partition from now
// on may resume.
func (h *History) Floor(group string, partition int32) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(0, h.mu.groups[group].parts[partition].acked)
}

// Resumed notes where a member begins to read what it was assigned, after its
// Floor was asked for.
func (h *History) Resumed(group string, partition int32, floor, offset int64) error {
	if offset < floor {
		return fmt.Errorf("%s: a member resumes partition %d at %d, and %d was committed", group, partition, offset, floor)
	}
	return nil
}

// Consumed notes a record that a member got.
func (h *History) Consumed(group string, partition int32, offset int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.mu.groups[group].parts[partition]
	if offset > p.covered {
		return fmt.Errorf("%s: partition %d goes on at %d, and nobody consumed %d", group, partition, offset, p.covered)
	}
	p.covered = max(p.covered, offset+1)
	return nil
}

// Trying notes a commit that is about to be sent.
func (h *History) Trying(group string, partition int32, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.mu.groups[group].parts[partition]
	p.tried = max(p.tried, offset)
}

// Acknowledged notes a commit that the broker took: if it is further than those
// before, the partition makes progress.
func (h *History) Acknowledged(group string, partition int32, offset int64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.mu.groups[group]
	p := &g.parts[partition]
	if offset <= p.acked {
		return
	}
	h.mu.longest = max(h.mu.longest, h.stood(int(partition), *p, now))
	p.acked, p.stood, p.since = offset, 0, now
	if !h.mu.up {
		return // The answer came before the kill.
	}
	if g.woke < 0 {
		g.woke = now.Sub(g.back)
	}
}

// Floors are what the commits of all groups must not be below from now on.
func (h *History) Floors() map[string][]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	floors := map[string][]int64{}
	for name, g := range h.mu.groups {
		for _, p := range g.parts {
			floors[name] = append(floors[name], p.acked)
		}
	}
	return floors
}

// Committed compares what the broker says is committed, none where nothing is,
// with the Floors that were asked for before.
func (h *History) Committed(group string, floors, got []int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for p, at := range got {
		if tried := h.mu.groups[group].parts[p].tried; at < floors[p] || at > tried {
			errs = append(errs, fmt.Errorf("%s: the committed offset of partition %d is %d, acknowledged was %d and tried %d", group, p, at, floors[p], tried))
		}
	}
	return errors.Join(errs...)
}

// Stuck are the partitions that have stood still in a group for too long.
func (h *History) Stuck(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for name, g := range h.mu.groups {
		for n, p := range g.parts {
			if stood := h.stood(n, p, now); stood > h.patience {
				errs = append(errs, fmt.Errorf("%s has committed nothing further than %d of partition %d, which ends at %d, for %v while the broker was up",
					name, p.acked, n, h.mu.ends[n], stood.Round(time.Millisecond)))
			}
		}
	}
	return errors.Join(errs...)
}

// stood is how long a partition has stood still; the lock is held.
func (h *History) stood(n int, p partHistory, now time.Time) time.Duration {
	if !p.behind(h.mu.ends[n]) {
		return 0
	}
	if !h.mu.loaded {
		return p.stood
	}
	return p.stood + now.Sub(p.since)
}

// Longest is how long a partition stood still at most before it went on.
func (h *History) Longest() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.longest
}

// Untouched is how many partitions of groups have never had a commit.
func (h *History) Untouched() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.mu.groups {
		for _, p := range g.parts {
			if p.acked == none {
				n++
			}
		}
	}
	return n
}

// Woke is how long after the broker's start each group made its first progress,
// and how many have made none yet.
func (h *History) Woke() (took []time.Duration, waiting int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.mu.groups {
		if g.woke < 0 {
			waiting++
			continue
		}
		took = append(took, g.woke)
	}
	return took, waiting
}

// Finished compares the whole with where the partitions end: each record was
// consumed by each group, and is committed.
func (h *History) Finished(ends []int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for name, g := range h.mu.groups {
		for p, part := range g.parts {
			switch {
			case part.covered != ends[p]:
				errs = append(errs, fmt.Errorf("%s consumed partition %d to %d, and it ends at %d", name, p, part.covered, ends[p]))
			case ends[p] > 0 && part.acked != ends[p]:
				errs = append(errs, fmt.Errorf("%s committed partition %d to %d, and it ends at %d", name, p, part.acked, ends[p]))
			}
		}
	}
	return errors.Join(errs...)
}
