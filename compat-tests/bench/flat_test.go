package main

import (
	"math"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// soakOf is an hour's soak as runSoak makes it, with made-up figures of memory.
func soakOf(of func(life int, at time.Duration) float64) flatness {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := flatness{warm: 7 * time.Minute}
	for life, lasts := range lifeTimes(time.Hour) {
		var looks []soaked
		for at := time.Duration(0); at < lasts; at += soakEvery {
			looks = append(looks, soaked{at: begin.Add(at), anon: of(life, at), files: 100, goroutines: 50})
		}
		begin = begin.Add(lasts)
		f.lives = append(f.lives, looks)
	}
	return f
}

// TestFlat tells a leak from what a life needs at its start, and holds what is
// measured to the goals.
func TestFlat(t *testing.T) {
	for _, tc := range []struct {
		name                  string
		of                    func(life int, at time.Duration) float64
		within, across, slope float64
		unmet                 []string
	}{
		{"flat, after a warm-up", func(_ int, at time.Duration) float64 { return min(20+at.Minutes()*12, 100) }, 1, 1, 0, nil},
		{"a saw", func(_ int, at time.Duration) float64 { return 100 + float64(at/time.Second%37) }, 1, 1, 0, nil},
		{"it grows by 60 MiB an hour", func(_ int, at time.Duration) float64 { return 100 + 60*at.Hours() }, 124.25 / 112.75, 1, 60, []string{mSoakSlope}},
		{"it grows by 15 MiB an hour", func(_ int, at time.Duration) float64 { return 100 + 15*at.Hours() }, 106.06 / 103.19, 1, 15, nil},
		{"it grows from life to life", func(life int, _ time.Duration) float64 { return 100 * float64(life+1) }, 1, 5. / 3, 0, []string{mSoakAnonLives}},
		{"it has grown suddenly", func(_ int, at time.Duration) float64 {
			if at > 20*time.Minute {
				return 130
			}
			return 100
		}, 1.3, 1, 115.3, []string{mSoakAnon, mSoakSlope}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := soakOf(tc.of).metrics()
			for metric, want := range map[string]float64{mSoakAnon: tc.within, mSoakAnonLives: tc.across, mSoakSlope: tc.slope} {
				if v, ok := got[metric]; !ok || math.Abs(v-want) > 0.02*max(1, want) && (metric != mSoakSlope || math.Abs(v-want) > 1) {
					t.Errorf("%s: %v, want %v", metric, v, want)
				}
			}
			unmet := map[string]bool{}
			for _, metric := range tc.unmet {
				unmet[metric] = true
			}
			got[mMinutes], got[mDue], got[mSpace] = 60, 99, 1.5
			for metric, v := range judgedSoak(got) {
				if want := map[bool]verdict{false: met, true: notMet}[unmet[metric]]; v != want {
					t.Errorf("%s is %v: judged %q, want %q", metric, got[metric], v, want)
				}
			}
		})
	}
}

// TestSoakGoals finds a goal that would be met by a soak that was too short, or
// whose loads did not keep up.
func TestSoakGoals(t *testing.T) {
	for metric, bad := range map[string]float64{
		mMinutes: 59, mDue: 94, mSoakSlope: 21, mSoakFilesSlope: 21, mSoakGoSlope: 21, mSpace: 1.71,
		mSoakAnon: 1.16, mSoakFiles: 1.16, mSoakGo: 1.16, mSoakAnonLives: 1.16, mSoakFilesLives: 1.16, mSoakGoLives: 1.16,
	} {
		if v := judgedSoak(sample{metric: bad})[metric]; v != notMet {
			t.Errorf("%s of %v: judged %q", metric, bad, v)
		}
	}
	for metric, v := range judgedSoak(sample{}) {
		if v != notMeasured {
			t.Errorf("%s, not measured: judged %q", metric, v)
		}
	}
}

// judgedSoak is the verdict of each of the soak's goals.
func judgedSoak(s sample) map[string]verdict {
	rep := &report{}
	res := rep.add(row{name: "soak"})
	res.add(harness.Mainstem, s)
	out := map[string]verdict{}
	for _, g := range storageGoals() {
		if g.row == "soak" {
			out[g.metric] = g.judge(rep)
		}
	}
	return out
}

// TestLifeTimes wants half of the soak in one life, and at least two ends of
// each kind before it.
func TestLifeTimes(t *testing.T) {
	lives := lifeTimes(time.Hour)
	var all time.Duration
	for _, l := range lives {
		all += l
	}
	if n := len(lives); n < 5 || lives[n-1] < 30*time.Minute || all < time.Hour {
		t.Errorf("lives of %v", lives)
	}
}

// TestFewLooks has a soak too short for any figure, or broken off.
func TestFewLooks(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, lives := range [][][]soaked{nil, {nil}, {{{at: at, anon: 1}}}, {nil, nil, nil, nil, nil}, {{{at: at}}, {{at: at}}, {{at: at}}, {{at: at}}, {{at: at, anon: 1}}}} {
		if got := (flatness{lives, time.Minute}).metrics(); len(got) > 0 {
			t.Errorf("%v give %v", lives, got)
		}
	}
}
