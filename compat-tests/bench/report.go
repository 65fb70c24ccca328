package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// report is what a run has found so far.
type report struct {
	table        table
	targets      []harness.Target
	rounds       int
	scale        float64
	begun, ended time.Time
	machine      []string
	asked        []row // What the run is to measure.
	results      []*result
	warmths      []warmth
}

// result is a row's rounds by target.
type result struct {
	row     row
	failed  error
	disks   []disk // One a round.
	idle    map[harness.Target]float64
	lacks   []harness.Target // Left out, as they have not what the row needs.
	samples map[harness.Target][]sample
}

func (t *report) add(r row) *result {
	res := &result{row: r, samples: map[harness.Target][]sample{}, idle: map[harness.Target]float64{}}
	t.results = append(t.results, res)
	return res
}

func (t *report) fail(r row, err error) {
	if res := t.find(r.name); res != nil {
		res.failed = err
		return
	}
	t.add(r).failed = err
}

func (t *report) warm(w warmth) {
	if len(w.pieces) > 0 {
		t.warmths = append(t.warmths, w)
	}
}

func (t *report) find(name string) *result {
	for _, r := range t.results {
		if r.row.name == name {
			return r
		}
	}
	return nil
}

// spoiled is rowFailed or rowNotRun where a row has not come to its end well.
func (t *report) spoiled(name string) verdict {
	switch r := t.find(name); {
	case r == nil:
		return rowNotRun
	case r.failed != nil:
		return rowFailed
	}
	return ""
}

// wants tells whether the run is to measure a row.
func (t *report) wants(name string) bool {
	return slices.ContainsFunc(t.asked, func(r row) bool { return r.name == name })
}

func (t *report) median(row string, target harness.Target, metric string) (float64, bool) {
	r := t.find(row)
	if r == nil {
		return 0, false
	}
	s, ok := spreadOf(r.samples[target], metric)
	return s.median, ok
}

func (t *report) most(row string, target harness.Target, metric string) (float64, bool) {
	r := t.find(row)
	if r == nil {
		return 0, false
	}
	s, ok := spreadOf(r.samples[target], metric)
	return s.most, ok
}

func (t *report) diskOf(row string) disk {
	r := t.find(row)
	if r == nil || len(r.disks) == 0 {
		return disk{}
	}
	middle := func(of func(disk) float64) float64 {
		var vs []sample
		for _, d := range r.disks {
			vs = append(vs, sample{"": of(d)})
		}
		s, _ := spreadOf(vs, "")
		return s.median
	}
	return disk{
		MBPerSecond: middle(func(d disk) float64 { return d.MBPerSecond }),
		P50:         middle(func(d disk) float64 { return d.P50 }),
		P99:         middle(func(d disk) float64 { return d.P99 }),
	}
}

// without leaves a target out of the row.
func (r *result) without(target harness.Target) { r.lacks = append(r.lacks, target) }

// measures tells whether the row is measured on a target.
func (r *result) measures(target harness.Target) bool {
	return (r.row.alone == "" || r.row.alone == target) && !slices.Contains(r.lacks, target)
}

func (r *result) add(target harness.Target, s sample) {
	r.samples[target] = append(r.samples[target], s)
}

// rounds is how many rounds every measured target has.
func (r *result) rounds(targets []harness.Target) int {
	n := -1
	for _, t := range targets {
		if r.row.once != t && r.measures(t) {
			if got := len(r.samples[t]); n < 0 || got < n {
				n = got
			}
		}
	}
	return max(n, 0)
}

// markdown is the whole report.
func (t *report) markdown() string {
	var b strings.Builder
	t.writeHeader(&b)
	t.writeGoals(&b)
	t.writeRows(&b)
	t.writeDisk(&b)
	t.writeWarmth(&b)
	return b.String()
}

func (t *report) writeHeader(b *strings.Builder) {
	state := "not finished yet"
	if !t.ended.IsZero() {
		state = "took " + minutes(t.ended.Sub(t.begun)) + " minutes"
	}
	fmt.Fprintf(b, "Run of %s UTC, %s: up to %d rounds a row, scale %g.\n\n", t.begun.UTC().Format("2006-01-02 15:04"), state, t.rounds, t.scale)
	if t.scale < 1 {
		b.WriteString("**A smoke run at a part of the full amounts: these are no figures to claim anything with.**\n\n")
	}
	for _, line := range t.machine {
		fmt.Fprintf(b, "- %s.\n", line)
	}
	fmt.Fprintf(b, `- The client (franz-go, in a process of its own) shares the cores with the broker. CPU is the broker's alone, user and system.
- %s. A broker that
  uses more than %g %% of a core at rest is stopped (SIGSTOP) while the other one is measured. Rounds alternate in who begins.
- anon is RssAnon + RssShmem, file is RssFile (mapped page cache), each the most of samples every 50 ms during the round; what
  earlier rows left in a heap is in it.
- Figures are medians, with the least and the most in brackets. The speed of machines drifts: only ratios of one run count.
`, t.table.brokers(), 100*idleMost)
}

// writeGoals is the claim: what was to be reached and whether it is.
func (t *report) writeGoals(b *strings.Builder) {
	b.WriteString("\n### Targets\n\nJudged by medians, limits of memory and descriptors by the most of all rounds. Mainstem syncs before every acknowledgement unless the row says page cache.\n\n")
	b.WriteString("| row | rec/batch | metric | target | bar | Kafka | Mainstem | ratio | |\n|---|--:|---|---|--:|--:|--:|--:|---|\n")
	counts := map[verdict]int{}
	last := ""
	for _, g := range goals() {
		if !t.wants(g.row) {
			continue
		}
		name, batch := "", ""
		if g.row != last {
			name, batch = "**"+g.row+"**", t.batchOf(g.row)
			last = g.row
		}
		v := g.judge(t)
		counts[v]++
		kafka, hasKafka := t.median(g.row, harness.Kafka, g.metric)
		got, ok := g.figure(t)
		bar, hasBar := g.bar(t)
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, batch, g.metric, g.words(),
			orDash(bar, hasBar), orDash(kafka, hasKafka), orDash(got, ok), ratio(got, kafka, ok && hasKafka), v)
	}
	var parts []string
	for _, v := range []verdict{met, metByDisk, metBySync, notMet, rowFailed, rowNotRun, notMeasured} {
		if counts[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[v], strings.Trim(string(v), "*")))
		}
	}
	fmt.Fprintf(b, "\nIn all: %s.%s%s%s\n", strings.Join(parts, ", "), t.named("Rows that failed", rowFailed), t.named("Rows not run", rowNotRun), t.highest())
}

// named are the rows that came out so, as a sentence.
func (t *report) named(what string, as verdict) string {
	var names []string
	for _, r := range t.asked {
		if t.spoiled(r.name) == as {
			names = append(names, r.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" %s: %s.", what, strings.Join(names, ", "))
}

// batchOf is the records per batch of each target, Kafka's first.
func (t *report) batchOf(row string) string {
	var parts []string
	for _, target := range t.targets {
		if v, ok := t.median(row, target, mRecords); ok {
			parts = append(parts, number(v))
		}
	}
	return strings.Join(slices.Compact(parts), " / ")
}

// highest names the most memory that Mainstem used in any row.
func (t *report) highest() string {
	row, most := "", 0.0
	for _, r := range t.results {
		if s, ok := spreadOf(r.samples[harness.Mainstem], mPeakAnon); ok && s.most > most {
			row, most = r.row.name, s.most
		}
	}
	if row == "" {
		return ""
	}
	return fmt.Sprintf(" Mainstem's highest peak of all rounds: %s MiB anon, in %s.", number(most), row)
}

func orDash(v float64, ok bool) string {
	if !ok {
		return "-"
	}
	return number(v)
}

func ratio(a, b float64, ok bool) string {
	if !ok || b == 0 {
		return "-"
	}
	return number(a / b)
}
