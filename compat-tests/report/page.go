package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// intro is the head of the page.
const intro = `# Compatibility

What clients and pipelines do with Mainstem, and with Apache Kafka, which is tested the
same way: each row is a test of [compat-tests](../compat-tests/README.md) with the
real program against a broker that runs as a process. Not written by hand: ` + "`make compat`" + `
leaves its results in compat-tests/results, and ` + "`make compat-report`" + ` makes this page of them.

| verdict | meaning |
|---|---|
| yes | the test passes |
| **refused** | Apache Kafka refuses this client, as the test has seen; Mainstem serves it |
| – | only Mainstem has what this is about |
| **no** | the test fails |
| not tested | what the test needs was not there |
| not run | the test was not run yet, or not with this version |

`

// page is the whole report.
func (m *matrix) page() string {
	var b strings.Builder
	b.WriteString(intro)
	m.overview(&b)
	for _, f := range m.folders {
		f.section(&b)
	}
	m.findings(&b)
	return b.String()
}

// overview has a line for each folder.
func (m *matrix) overview(b *strings.Builder) {
	b.WriteString("## Overview\n\n| | version | Apache Kafka | Mainstem |\n|---|---|---|---|\n")
	for _, f := range m.folders {
		fmt.Fprintf(b, "| [%s](#%s) | %s | %s | %s |\n", f.name, f.name, cell(orDash(f.version)), f.count(harness.Kafka), f.count(harness.Mainstem))
	}
	b.WriteString("\n")
}

// count says how many of a folder's tests came out how.
func (f *folder) count(target harness.Target) string {
	n := map[string]int{}
	for _, name := range f.names() {
		n[f.verdict(target, name)]++
	}
	var parts []string
	for _, word := range []string{yes, refused, only, no, notTested, notRun} {
		switch {
		case n[word] == 0:
		case word == only:
			parts = append(parts, fmt.Sprintf("%d only Mainstem has", n[word]))
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n[word], word))
		}
	}
	return strings.Join(parts, ", ")
}

// The verdicts of the page.
const (
	yes       = "yes"
	refused   = "**refused**"
	only      = "–"
	no        = "**no**"
	notTested = "not tested"
	notRun    = "not run"
)

func (f *folder) verdict(target harness.Target, name string) string {
	r := f.results[target]
	if r == nil {
		return notRun
	}
	v, ran := r.of(name)
	switch {
	case !ran:
		return notRun
	case v.word == "pass":
		return yes
	case v.word == "fail":
		return no
	case target == harness.Kafka && strings.Contains(v.reason, harness.KafkaRefuses):
		return refused
	case target == harness.Kafka && strings.Contains(v.reason, harness.MainstemOnly):
		return only
	}
	return notTested
}

// names are the tests of a folder that are listed or have a result, those with parts by
// their parts. What has a result and is no test any more is none.
func (f *folder) names() []string {
	all := map[string]bool{}
	for name := range f.allowed {
		all[name] = true
	}
	for _, r := range f.results {
		for name := range r.tests {
			if top, _, _ := strings.Cut(name, "/"); f.titles[top] != "" {
				all[name] = true
			}
		}
	}
	for name := range all {
		for i, c := range name {
			if c == '/' {
				delete(all, name[:i])
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// row is a test, with those of its parts that came out alike.
type row struct {
	top, of     string
	kafka, ours string
	parts       []string
}

// rows takes parts together: the tests of one name, and within it of one first part if
// they have two.
func (f *folder) rows() (all []*row) {
	at := map[[4]string]*row{}
	for _, name := range f.names() {
		parts := strings.Split(name, "/")
		r := row{top: parts[0], kafka: f.verdict(harness.Kafka, name), ours: f.verdict(harness.Mainstem, name)}
		if len(parts) > 2 {
			r.of = parts[1]
		}
		key := [4]string{r.top, r.of, r.kafka, r.ours}
		if at[key] == nil {
			at[key] = &r
			all = append(all, &r)
		}
		if len(parts) > 1 {
			at[key].parts = append(at[key].parts, strings.ReplaceAll(parts[len(parts)-1], "_", " "))
		}
	}
	return all
}

// section is a folder's table.
func (f *folder) section(b *strings.Builder) {
	fmt.Fprintf(b, "## %s\n\n", f.name)
	if f.version != "" {
		fmt.Fprintf(b, "%s. ", f.version)
	}
	var ran []string
	for _, target := range []harness.Target{harness.Kafka, harness.Mainstem} {
		if r := f.results[target]; r != nil {
			ran = append(ran, fmt.Sprintf("on %s (%s, tests of commit %s)", r.broker, r.date, r.commit))
		}
	}
	if len(ran) > 0 {
		fmt.Fprintf(b, "Run %s. ", strings.Join(ran, " and "))
	}
	fmt.Fprintf(b, "Source: [%s](../compat-tests/%s).\n\n", f.path, f.path)
	b.WriteString("| feature | Apache Kafka | Mainstem |\n|---|---|---|\n")
	for _, r := range f.rows() {
		text := f.titles[r.top]
		if text == "" {
			text = title(r.top, "")
		}
		if r.of != "" {
			text = r.of + ": " + text
		}
		if len(r.parts) > 0 {
			text += " (" + strings.Join(r.parts, "; ") + ")"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", cell(text), r.kafka, r.ours)
	}
	b.WriteString("\n")
}

// findings are by impact, then by folder.
func (m *matrix) findings(b *strings.Builder) {
	b.WriteString("## Findings\n\nWhat a user meets, the worst first.\n")
	for _, impact := range impacts() {
		fmt.Fprintf(b, "\n### %s\n", impact)
		none := true
		for _, f := range m.folders {
			for _, x := range f.findings {
				if x.impact == impact {
					none = false
					fmt.Fprintf(b, "\n#### %s: %s\n\n%s\n", f.name, strings.ToLower(impact), x.text)
				}
			}
		}
		if none {
			b.WriteString("\nNothing.\n")
		}
	}
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// cell makes a text safe for a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
