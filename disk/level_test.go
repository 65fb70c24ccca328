package disk

import (
	"math"
	"testing"
	"time"
)

// What is left to the broker fits disks of all sizes.
func TestLimitsByDefault(t *testing.T) {
	const kibi, gibi = 1 << 10, 1 << 30
	for _, c := range []struct {
		name           string
		segment, total int64
		want           Limits
	}{
		{"a tiny disk", mebi, 64 * mebi, Limits{Warn: 4*mebi + 64*mebi/20, Min: 2 * mebi, Ballast: 2 * mebi}},
		{"a disk of one segment", 256 * mebi, 300 * mebi, Limits{Warn: 75 * mebi, Min: 300 * mebi / 8, Ballast: 300 * mebi / 16}},
		{"a small disk", 256 * mebi, 2 * gibi, Limits{Warn: 512 * mebi, Min: 256 * mebi, Ballast: 128 * mebi}},
		{"a usual disk", 256 * mebi, 100 * gibi, Limits{Warn: 2*(256*mebi+gibi) + 5*gibi, Min: 256*mebi + gibi, Ballast: 320 * mebi}},
		{"a large disk", 256 * mebi, 8192 * gibi, Limits{Warn: 2*(256*mebi+gibi) + 10*gibi, Min: 256*mebi + gibi, Ballast: 320 * mebi}},
		{"no end in sight", 256 * mebi, math.MaxInt64, Limits{Warn: 2*(256*mebi+gibi) + 10*gibi, Min: 256*mebi + gibi, Ballast: 320 * mebi}},
		{"hardly a disk", mebi, 100 * kibi, Limits{Warn: 25 * kibi, Min: 12800, Ballast: 6400}},
	} {
		got := Settings{Warn: -1, Min: -1, Ballast: -1, Segment: c.segment}.For(c.total)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	for _, c := range []struct{ settings, want Limits }{
		{Limits{Warn: 10, Min: 5, Ballast: 0}, Limits{Warn: 10, Min: 5}},
		{Limits{Warn: 10, Min: 50, Ballast: 7}, Limits{Warn: 50, Min: 50, Ballast: 7}},
		{Limits{Warn: -1, Min: math.MaxInt64, Ballast: 0}, Limits{Warn: math.MaxInt64, Min: math.MaxInt64}},
		{Limits{}, Limits{}},
	} {
		s := Settings{Warn: c.settings.Warn, Min: c.settings.Min, Ballast: c.settings.Ballast, Segment: mebi}
		if got := s.For(1000 * mebi); got != c.want {
			t.Errorf("%+v: %+v, want %+v", s, got, c.want)
		}
	}
}

// A level is entered at its limit, and left with a quarter of it to spare.
func TestLevels(t *testing.T) {
	var w watermarks
	l := Limits{Warn: 1000, Min: 100}
	begin := time.UnixMilli(0)
	for i, c := range []struct {
		free int64
		want Level
	}{
		{5000, Roomy},
		{1000, Roomy},
		{999, Low},
		{1249, Low},
		{1250, Roomy},
		{999, Low},
		{100, Low},
		{99, Full},
		{124, Full},
		{125, Low},
		{0, Full},
		{1249, Low},
		{50, Full},
		{9000, Roomy},
	} {
		if got := w.step(c.free, 10_000, l, begin); got != c.want {
			t.Errorf("step %d: %v with %d free, want %v", i, got, c.free, c.want)
		}
	}
}

// A disk that took no more is full whatever it says, until it says more than
// then or some time has passed.
func TestLevelHeld(t *testing.T) {
	l := Limits{Warn: 1000, Min: 100}
	begin := time.UnixMilli(0)
	w := watermarks{}
	w.hold(5000, begin)
	for i, c := range []struct {
		after time.Duration
		free  int64
		want  Level
	}{
		{0, 5000, Full},
		{holdMax - 1, 5000 + holdLeast - 1, Full},
		{holdMax, 5000, Roomy},
	} {
		if got := w.step(c.free, 10_000, l, begin.Add(c.after)); got != c.want {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
	w.hold(5000, begin)
	if got := w.step(5000+holdLeast, 1<<30, l, begin); got != Roomy {
		t.Errorf("%v when there is more room", got)
	}
}
