package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		name string
		vs   []float64
		want spread
	}{
		{"one", []float64{7}, spread{7, 7, 7, 1}},
		{"two", []float64{9, 7}, spread{8, 7, 9, 2}},
		{"three, an outlier", []float64{100, 1, 2}, spread{2, 1, 100, 3}},
		{"four", []float64{4, 1, 3, 2}, spread{2.5, 1, 4, 4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			samples := []sample{{"other": 5}}
			for _, v := range tc.vs {
				samples = append(samples, sample{"m": v})
			}
			got, ok := spreadOf(samples, "m")
			if !ok || got != tc.want {
				t.Errorf("got %v, %v; want %v", got, ok, tc.want)
			}
		})
	}
	if _, ok := spreadOf([]sample{{"other": 5}}, "m"); ok {
		t.Error("a spread of nothing")
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tc := range []struct {
		vs      []float64
		q, want float64
	}{
		{hundred, 0.50, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred, 0, 1},
		{[]float64{3}, 0.99, 3},
		{[]float64{2, 1}, 0.5, 1},
	} {
		if got := quantile(slices.Clone(tc.vs), tc.q); got != tc.want {
			t.Errorf("%v of %d: got %v, want %v", tc.q, len(tc.vs), got, tc.want)
		}
	}
}

func TestNear(t *testing.T) {
	for _, tc := range []struct {
		a, b float64
		want bool
	}{
		{100, 86, true},
		{86, 100, true},
		{100, 85, false},
		{5, 5, true},
		{19.6, 5, false},
	} {
		if got := near(tc.a, tc.b, 0.15); got != tc.want {
			t.Errorf("%v and %v: got %v", tc.a, tc.b, got)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.00", 0.0123: "0.0123", 0.5: "0.50", 9.999: "10.00", 12.34: "12.3", 123.4: "123", 1234.5: "1,234", 1234567: "1,234,567",
	} {
		if got := number(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}

func TestCosts(t *testing.T) {
	o := outcome{Records: 1000, Bytes: 2e6, Batches: 50, Requests: 10, Seconds: 0.5}
	got := costs(o, 0.004, harness.Peak{Memory: harness.Memory{Anon: 3 << 20}, Descriptors: 9})
	for metric, want := range map[string]float64{
		mRate: 2000, mBytes: 4, mPerGB: 2, mPerRecord: 4, mPerBatch: 80, mRecords: 20, mBatches: 5, mPeakAnon: 3, mFiles: 9,
	} {
		if diff := got[metric] - want; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("%s: got %v, want %v", metric, got[metric], want)
		}
	}
	if _, ok := got[mP50]; ok {
		t.Error("a latency of nothing")
	}
}

// TestReport is of an unfinished run: what it has is there, what failed is
// named and meets nothing whatever its earlier rounds gave, and so is a row that
// was asked for and not begun.
func TestReport(t *testing.T) {
	both := []harness.Target{harness.Kafka, harness.Mainstem}
	rep := &report{targets: both, rounds: 3, scale: 1, begun: time.Unix(0, 0), machine: []string{"a machine"}}
	rows, err := pick(speedTable, "produce1m,startup,e2e1k")
	if err != nil {
		t.Fatal(err)
	}
	rep.asked = rows
	res := rep.add(rows[0])
	res.disks = []disk{{MBPerSecond: 500, P99: 1}, {MBPerSecond: 700, P99: 3}}
	res.idle = map[harness.Target]float64{harness.Kafka: 0.02, harness.Mainstem: 0.001}
	res.add(harness.Kafka, sample{mRate: 100, mPerGB: 2, mRecords: 990})
	res.add(harness.Mainstem, sample{mRate: 130, mPerGB: 1.2, mRecords: 990})
	rep.add(rows[1]).add(harness.Mainstem, sample{mStart: 0.1})
	rep.fail(rows[1], errors.New("broker\nended | so"))
	rep.warm(warmth{row: "produce1m", target: harness.Kafka, pieces: []piece{{1, 10, 8}, {1, 20, 4}}})
	text := rep.markdown()
	for _, want := range []string{
		"not finished yet", "- a machine.", "| 120 | 100 | 130 | 1.30 | met |", "| 1.00 | 2.00 | 1.20 | 0.60 | **NOT met** |",
		"| **produce1m** | 990 |", "| 600 | 0.00 | 2.00 | 2.0 %, stopped | 0.1 % |", "FAILED: broker ended / so", "8.00, 4.00", "time was up",
		"In all: 1 met, 1 NOT met, 2 FAILED, 3 not run. Rows that failed: startup. Rows not run: e2e1k.", "| at most 0.3 | 0.30 | - | 0.10 | - | **FAILED** |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "consume1m") {
		t.Error("a row that was not asked for")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestClock(t *testing.T) {
	c := &clock{}
	r := row{cost: 20}
	c.add(r, 3)
	c.add(r, 3)
	if got := c.estimate(0); got != 200*time.Second {
		t.Errorf("at the start: %v", got)
	}
	c.turnTo(r)
	c.spend(100)
	// It took twice as long as thought.
	if got := c.estimate(200 * time.Second); got != 200*time.Second {
		t.Errorf("half way: %v", got)
	}
	if got := c.least(200 * time.Second); got != 120*time.Second {
		t.Errorf("one round each of the rest: %v", got)
	}
}
