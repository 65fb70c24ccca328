package disk

import (
	"math"
	"time"
)

// Level says how short of room the disk is.
type Level int

// The levels.
const (
	Roomy Level = iota
	// Low warns, and asks for a round of retention at once.
	Low
	// Full refuses clients' produce. All else goes on.
	Full
)

// String implements fmt.Stringer.
func (l Level) String() string {
	switch l {
	case Roomy:
		return "roomy"
	case Low:
		return "low"
	case Full:
		return "full"
	}
	return "unknown"
}

// Settings are what an operator may turn, in bytes. Negative ones are chosen by
// the sizes of the disk and of a segment.
type Settings struct {
	Warn    int64 // below so many free bytes the level is Low
	Min     int64 // below so many it is Full
	Ballast int64 // size of the ballast file; 0: none
	Segment int64 // size of a file of the log, which is the unit in which the log takes room
}

// Limits are Settings for a disk of a known size.
type Limits struct{ Warn, Min, Ballast int64 }

const (
	mebi = 1 << 20
	// startBytes is plenty for a start: a mark, the header of a segment, and the
	// blocks of directories.
	startBytes = 256 << 10
)

// For chooses what is left open. The minimum is a segment, so that the log can
// go on in a new one without clients' records, and a hundredth of the disk for
// checkpoints and metadata; of a disk that is small for its segments it is an
// eighth.
func (s Settings) For(total int64) Limits {
	l := Limits{Warn: s.Warn, Min: s.Min, Ballast: s.Ballast}
	if l.Min < 0 {
		l.Min = min(s.Segment+between(mebi, total/100, 1024*mebi), total/8)
	}
	if l.Warn < 0 {
		l.Warn = min(plus(2*min(l.Min, math.MaxInt64/2), min(total/20, 10*1024*mebi)), total/4)
	}
	l.Warn = max(l.Warn, l.Min)
	if l.Ballast < 0 {
		l.Ballast = min(s.Segment+between(mebi, total/256, 64*mebi), total/16)
	}
	return l
}

// Grow is the least that has to be free for what grows and stays, such as a new
// topic: half of what the minimum leaves beside a segment. What is left is for
// deletions, commits and a start.
func (l Limits) Grow(total int64) int64 { return min(l.Min, between(mebi, total/100, 1024*mebi)) / 2 }

// startShare is the part of a ballast that is for starts alone.
func (l Limits) startShare() int64 { return min(l.Ballast/4, startBytes) }

func between(lo, x, hi int64) int64 { return max(lo, min(x, hi)) }

// plus adds without passing the largest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// toSpare is what must be free for a level to be left: a quarter more than the
// limit, but never more than a disk of this size can have.
func toSpare(limit, total int64) int64 { return plus(limit, min(limit/4, max(total-limit, 0)/2)) }

const (
	// holdMax is how long a disk that refused an append stays Full although the
	// file system says that there is room, as with a quota.
	holdMax = 15 * time.Second
	// holdLeast is how much must have become free to try earlier.
	holdLeast = 256 << 10
)

// watermarks is the level and how it came to be.
type watermarks struct {
	level Level
	held  bool // Full because an append found no room
	since time.Time
	free  int64 // when it was held
}

// hold makes the level Full until there is more room than now, or some time has
// passed.
func (w *watermarks) hold(free int64, now time.Time) {
	w.held, w.since, w.free = true, now, free
}

// step returns the level for so many bytes of room.
func (w *watermarks) step(free, total int64, l Limits, now time.Time) Level {
	if w.held && (now.Sub(w.since) >= holdMax || free >= plus(w.free, max(l.Min/4, holdLeast))) {
		w.held = false
	}
	switch {
	case w.held || free < l.Min || w.level == Full && free < toSpare(l.Min, total):
		w.level = Full
	case free < l.Warn || w.level != Roomy && free < toSpare(l.Warn, total):
		w.level = Low
	default:
		w.level = Roomy
	}
	return w.level
}
