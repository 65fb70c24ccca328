package main

import (
	"fmt"
	"math"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// given are medians by row/metric, Kafka's and Mainstem's, and a disk.
type given struct {
	kafka, mainstem map[string]float64
	disk            disk
	bad             map[string]verdict // By row.
}

func (g given) median(row string, target harness.Target, metric string) (float64, bool) {
	of := g.mainstem
	if target == harness.Kafka {
		of = g.kafka
	}
	v, ok := of[row+"/"+metric]
	return v, ok
}

// most is ten more than the median.
func (g given) most(row string, target harness.Target, metric string) (float64, bool) {
	v, ok := g.median(row, target, metric)
	return v + 10, ok
}

func (g given) diskOf(string) disk { return g.disk }

func (g given) spoiled(row string) verdict { return g.bad[row] }

func one(v float64) map[string]float64 { return map[string]float64{"r/m": v} }

func TestJudge(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name            string
		goal            goal
		kafka, mainstem map[string]float64
		disk            disk
		want            verdict
		bar             float64 // NaN: none.
	}{
		{"just as fast", goal{rule: timesAtLeast, by: 1}, one(100), one(100), disk{}, met, 100},
		{"a bit too slow", goal{rule: timesAtLeast, by: 1}, one(100), one(99.9), disk{}, notMet, 100},
		{"half of the CPU", goal{rule: timesAtMost, by: 0.5}, one(10), one(5), disk{}, met, 5},
		{"more than half of it", goal{rule: timesAtMost, by: 0.5}, one(10), one(5.01), disk{}, notMet, 5},
		{"nothing of Kafka", goal{rule: timesAtMost, by: 0.5}, nil, one(5), disk{}, notMeasured, nan},
		{"nothing of Mainstem", goal{rule: atMost, by: 0.5}, one(1), nil, disk{}, notMeasured, 0.5},
		{"absolute, without Kafka", goal{rule: atMost, by: 0.5}, nil, one(0.5), disk{}, met, 0.5},
		{"absolute, missed", goal{rule: atMost, by: 0.5}, one(100), one(0.51), disk{}, notMet, 0.5},
		{"at least, reached", goal{rule: atLeast, by: 0.8}, nil, one(0.8), disk{}, met, 0.8},
		{"at least, missed", goal{rule: atLeast, by: 0.8}, one(0.1), one(0.79), disk{}, notMet, 0.8},
		{"within 0.2 of Kafka", goal{rule: plusAtMost, by: 0.2}, one(0.5), one(0.7), disk{}, met, 0.7},
		{"not within 0.2", goal{rule: plusAtMost, by: 0.2}, one(0.5), one(0.71), disk{}, notMet, 0.7},
		{"disk and two", goal{rule: diskPlusAtMost, by: 2}, one(9), one(3), disk{P99: 1}, met, 3},
		{"more than disk and two", goal{rule: diskPlusAtMost, by: 2}, one(9), one(3.1), disk{P99: 1}, notMet, 3},
		{"sync, fast", goal{rule: syncTimesAtLeast, by: 1.2}, one(100), one(120), disk{MBPerSecond: 1000}, met, 120},
		{
			"sync, as fast as the disk",
			goal{rule: syncTimesAtLeast, by: 1.2},
			one(100),
			map[string]float64{"r/m": 50, "r/MB/s": 90},
			disk{MBPerSecond: 100},
			metByDisk, 120,
		},
		{
			"sync, Kafka's rate",
			goal{rule: syncTimesAtLeast, by: 1.2},
			one(100),
			map[string]float64{"r/m": 100, "r/MB/s": 89},
			disk{MBPerSecond: 100},
			metBySync, 120,
		},
		{
			"sync, neither",
			goal{rule: syncTimesAtLeast, by: 1.2},
			one(100),
			map[string]float64{"r/m": 99, "r/MB/s": 89},
			disk{MBPerSecond: 100},
			notMet, 120,
		},
		{"sync, no disk", goal{rule: syncTimesAtLeast, by: 1.2}, one(100), map[string]float64{"r/m": 99, "r/MB/s": 89}, disk{}, notMet, 120},
		{
			"ten times, or own: by Kafka",
			goal{rule: timesOrOwn, by: 10, own: "o", ownMetric: "m"},
			one(10),
			map[string]float64{"r/m": 100, "o/m": 1000},
			disk{},
			met, 100,
		},
		{
			"ten times, or own: by own",
			goal{rule: timesOrOwn, by: 10, own: "o", ownMetric: "m"},
			one(100),
			map[string]float64{"r/m": 90, "o/m": 100},
			disk{},
			met, 90,
		},
		{
			"ten times, or own: neither",
			goal{rule: timesOrOwn, by: 10, own: "o", ownMetric: "m"},
			one(100),
			map[string]float64{"r/m": 89, "o/m": 100},
			disk{},
			notMet, 90,
		},
		{"own, in reach", goal{rule: ownAtMost, by: 1.15, own: "o", ownMetric: "m"}, nil, map[string]float64{"r/m": 115, "o/m": 100.1}, disk{}, met, 115.115},
		{"own, too much", goal{rule: ownAtMost, by: 1.15, own: "o", ownMetric: "m"}, nil, map[string]float64{"r/m": 116, "o/m": 100}, disk{}, notMet, 115},
		{"own, none", goal{rule: ownAtMost, by: 1.15, own: "o", ownMetric: "m"}, nil, one(116), disk{}, notMeasured, nan},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.goal.row, tc.goal.metric = "r", "m"
			f := given{kafka: tc.kafka, mainstem: tc.mainstem, disk: tc.disk}
			if got := tc.goal.judge(f); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			bar, ok := tc.goal.bar(f)
			if ok == math.IsNaN(tc.bar) || (ok && math.Abs(bar-tc.bar) > 1e-9) {
				t.Errorf("bar %v (%v), want %v", bar, ok, tc.bar)
			}
		})
	}
}

// TestJudgePeaks holds limits against the worst round.
func TestJudgePeaks(t *testing.T) {
	for _, tc := range []struct {
		metric string
		median float64
		want   verdict
	}{
		{mPeakAnon, 140, met}, {mPeakAnon, 141, notMet}, {mFiles, 141, notMet}, {mGrown, 141, notMet}, {mCreate, 141, met},
	} {
		g := goal{row: "r", metric: tc.metric, rule: atMost, by: 150}
		if got := g.judge(given{mainstem: map[string]float64{"r/" + tc.metric: tc.median}}); got != tc.want {
			t.Errorf("%s of %v: got %q, want %q", tc.metric, tc.median, got, tc.want)
		}
	}
}

// TestJudgeSpoiled judges rows whose figures would meet the goal.
func TestJudgeSpoiled(t *testing.T) {
	limit := goal{row: "r", metric: "m", rule: atMost, by: 100}
	own := goal{row: "r", metric: "m", rule: ownAtMost, by: 2, own: "o", ownMetric: "m"}
	either := goal{row: "r", metric: "m", rule: timesOrOwn, by: 2, own: "o", ownMetric: "m"}
	for _, tc := range []struct {
		name string
		goal goal
		bad  map[string]verdict
		want verdict
	}{
		{"it went well", limit, nil, met},
		{"a round failed", limit, map[string]verdict{"r": rowFailed}, rowFailed},
		{"it was left out", limit, map[string]verdict{"r": rowNotRun}, rowNotRun},
		{"another one failed", limit, map[string]verdict{"o": rowFailed}, met},
		{"its own bar", own, nil, met},
		{"its own bar failed", own, map[string]verdict{"o": rowFailed}, notMeasured},
		{"one of two bars failed", either, map[string]verdict{"o": rowFailed}, notMet},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := given{kafka: one(50), mainstem: map[string]float64{"r/m": 60, "o/m": 50}, bad: tc.bad}
			if got := tc.goal.judge(f); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestGoals finds a goal that names what no row measures.
func TestGoals(t *testing.T) {
	named := map[string]bool{}
	for _, r := range append(speedTable.rows(), storageTable.rows()...) {
		if r.name == "produce1m-cache" { // For looking only.
			continue
		}
		if named[r.name] {
			t.Errorf("two rows %s", r.name)
		}
		named[r.name] = true
	}
	known := map[string]bool{}
	for _, m := range metricOrder() {
		known[m] = true
	}
	seen, goaled := map[string]bool{}, map[string]bool{}
	for _, g := range goals() {
		goaled[g.row] = true
		if !named[g.row] || !known[g.metric] {
			t.Errorf("goal for %s, %s: no such row or metric", g.row, g.metric)
		}
		if g.own != "" && (!named[g.own] || !known[g.ownMetric]) {
			t.Errorf("goal for %s, %s: no such own bar %s, %s", g.row, g.metric, g.own, g.ownMetric)
		}
		if (g.rule == timesOrOwn || g.rule == ownAtMost) != (g.own != "") {
			t.Errorf("goal for %s, %s: the rule and its own bar do not fit", g.row, g.metric)
		}
		if g.by <= 0 || g.words() == "?" {
			t.Errorf("goal for %s, %s: by %v, %q", g.row, g.metric, g.by, g.words())
		}
		if key := fmt.Sprintf("%s/%s/%d", g.row, g.metric, g.rule); seen[key] {
			t.Errorf("two goals of one kind for %s", key)
		} else {
			seen[key] = true
		}
	}
	for name := range named {
		if !goaled[name] {
			t.Errorf("row %s has no goal", name)
		}
	}
}
