package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// metrics in the order of the table; a row shows those it has.
var metrics = []string{
	"rec/s", "MB/s", "CPU s/GB", "us CPU/rec", "us CPU/batch", "rec/batch", "p50 ms", "p99 ms",
	"create s", "consume rec/s", "consume CPU s/GB", "consume us CPU/rec",
	"rest anon MiB", "rest file MiB", "peak anon MiB", "peak file MiB", "descriptors",
	"start s", "start after kill -9 s", "first ack after kill -9 s",
}

type table struct {
	targets []harness.Target
	rounds  int
	scale   float64
	begun   time.Time
	results []*result
}

// result is a row's rounds by target.
type result struct {
	row     row
	disk    disk
	samples map[harness.Target][]sample
}

func (t *table) add(r row, d disk) *result {
	res := &result{row: r, disk: d, samples: map[harness.Target][]sample{}}
	t.results = append(t.results, res)
	return res
}

func (r *result) add(target harness.Target, s sample) {
	r.samples[target] = append(r.samples[target], s)
}

// stats are a metric's median, least and most over the rounds.
func (r *result) stats(target harness.Target, metric string) (median, least, most float64, ok bool) {
	var vs []float64
	for _, s := range r.samples[target] {
		if v, has := s[metric]; has {
			vs = append(vs, v)
		}
	}
	if len(vs) == 0 {
		return 0, 0, 0, false
	}
	slices.Sort(vs)
	mid := len(vs) / 2
	median = vs[mid]
	if len(vs)%2 == 0 {
		median = (vs[mid-1] + vs[mid]) / 2
	}
	return median, vs[0], vs[len(vs)-1], true
}

func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Run of %s: %d rounds, scale %g, %s, %d CPUs (%s), %s.\n",
		t.begun.UTC().Format("2006-01-02 15:04"), t.rounds, t.scale, kernel(), runtime.NumCPU(), cpuModel(), runtime.Version())
	b.WriteString("Medians, with the least and the most in brackets; CPU and memory are the broker's alone. ")
	b.WriteString("anon is RssAnon + RssShmem, file is RssFile (mapped page cache).\n\n")
	b.WriteString("| row | metric |")
	for _, target := range t.targets {
		fmt.Fprintf(&b, " %s |", target)
	}
	two := len(t.targets) == 2
	if two {
		fmt.Fprintf(&b, " %s / %s |", t.targets[1], t.targets[0])
	}
	b.WriteString("\n|---|---|" + strings.Repeat("--:|", len(t.targets)))
	if two {
		b.WriteString("--:|")
	}
	b.WriteString("\n")
	for _, r := range t.results {
		title := "**" + r.row.name + "** " + r.row.title
		for _, metric := range metrics {
			line, ok := t.line(r, metric, two)
			if ok {
				fmt.Fprintf(&b, "| %s | %s |%s\n", title, metric, line)
				title = ""
			}
		}
	}
	b.WriteString("\nThe disk by itself, before each row (1 MiB writes, each with fdatasync, into a preallocated file; fdatasync after 4 KiB):\n\n")
	b.WriteString("| row | MB/s | fdatasync p50 ms | p99 ms |\n|---|--:|--:|--:|\n")
	for _, r := range t.results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.row.name, number(r.disk.MBPerSecond), number(r.disk.P50), number(r.disk.P99))
	}
	return b.String()
}

func (t *table) line(r *result, metric string, two bool) (string, bool) {
	var b strings.Builder
	any := false
	medians := make([]float64, 0, 2)
	for _, target := range t.targets {
		median, least, most, ok := r.stats(target, metric)
		if !ok {
			b.WriteString(" - |")
			continue
		}
		any = true
		medians = append(medians, median)
		fmt.Fprintf(&b, " %s (%s to %s) |", number(median), number(least), number(most))
	}
	if two {
		if len(medians) == 2 && medians[0] != 0 {
			fmt.Fprintf(&b, " %.2f |", medians[1]/medians[0])
		} else {
			b.WriteString(" - |")
		}
	}
	return b.String(), any
}

// number prints three or so digits that matter.
func number(v float64) string {
	switch {
	case v >= 1000:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1 || v == 0:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}

// brief is a sample in one line.
func brief(s sample) string {
	var parts []string
	for _, metric := range metrics {
		if v, ok := s[metric]; ok && metric != "MB/s" {
			parts = append(parts, metric+" "+number(v))
		}
	}
	return strings.Join(parts, ", ")
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(b))
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
