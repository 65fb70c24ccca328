package main

import (
	"math"
	"testing"
	"time"
)

// TestFlat tells a leak from what a life needs at its start.
func TestFlat(t *testing.T) {
	anon := func(s soaked) float64 { return s.anon }
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lives := func(of func(life int, at time.Duration) float64) (out [][]soaked) {
		for life := range 4 {
			var looks []soaked
			for n := range 60 {
				at := time.Duration(n) * time.Minute
				looks = append(looks, soaked{at: begin.Add(time.Duration(life)*time.Hour + at), anon: of(life, at)})
			}
			out = append(out, looks)
		}
		return out
	}
	for _, tc := range []struct {
		name                  string
		of                    func(life int, at time.Duration) float64
		within, across, slope float64
	}{
		{"flat, after a warm-up", func(_ int, at time.Duration) float64 { return min(20+at.Minutes()*10, 100) }, 1, 1, 0},
		{"it grows in each life", func(_ int, at time.Duration) float64 { return 100 + 60*at.Hours() }, 152. / 137, 1, 60},
		{"it grows from life to life", func(life int, _ time.Duration) float64 { return 100 * float64(life+1) }, 1, 4. / 3, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lives(tc.of)
			for what, pair := range map[string][2]float64{
				"within": {withinLives(l, anon), tc.within}, "across": {acrossLives(l, anon), tc.across}, "slope": {slope(l, anon), tc.slope},
			} {
				if math.Abs(pair[0]-pair[1]) > 0.01*max(1, pair[1]) {
					t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
				}
			}
		})
	}
}
