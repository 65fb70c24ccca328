package log

import (
	"slices"
	"sync"
	"sync/atomic"
)

// fences are the damaged ranges of one space of Positions: of the main log, or
// of the cold log, whose classes share one.
type fences struct {
	accepted []PositionRange // given up; not changed once the log is open

	list atomic.Pointer[[]PositionRange] // sorted, apart; replaced as a whole
	mu   sync.Mutex                      // who replaces it
}

// ranges are the fenced ones.
func (f *fences) ranges() []PositionRange {
	if list := f.list.Load(); list != nil {
		return *list
	}
	return nil
}

// fence adds a range unless it is known, or was given up; it reports whether
// that was news.
func (f *fences) fence(r PositionRange) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.ranges()
	if r.From >= r.To || holds(old, r) || holds(f.accepted, r) {
		return false
	}
	list := joinRanges(append(slices.Clone(old), r))
	f.list.Store(&list)
	return true
}

// keep counts damaged bytes as live, unless they were given up: nobody knows
// what stands in them, and a disk that was away for a while has it still. What
// replay could not read it did not count, so their segment would be unlinked as
// soon as all else in it is dead. Checkpoints remember it.
func (f *fences) keep(c chain, r PositionRange) {
	if holds(f.accepted, r) {
		return
	}
	for _, s := range c.between(r.From, r.To) {
		if n := int64(min(s.End, s.limit())) - int64(max(s.First, r.From)); n > 0 {
			// Each start that meets them adds them, but never more than there is.
			held, live := s.held.Load(), s.live.Load()
			held = max(held, min(held+n, int64(s.limit()-s.First)-entryHeaderSize))
			s.held.Store(held)
			s.live.Store(max(live, min(live+n, held)))
		}
	}
}

// lift takes the fence from a range.
func (f *fences) lift(r PositionRange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []PositionRange
	for _, x := range f.ranges() {
		for _, left := range []PositionRange{{x.From, min(x.To, r.From)}, {max(x.From, r.To), x.To}} {
			if left.From < left.To {
				list = append(list, left)
			}
		}
	}
	f.list.Store(&list)
}

// forget drops the ranges whose segments are gone.
func (f *fences) forget(c chain) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(f.ranges()), func(r PositionRange) bool { return !c.covers(r) })
	f.list.Store(&list)
}
