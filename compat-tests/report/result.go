package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// resultsDir has the results, one file for each folder and target, which are committed.
const resultsDir = "results"

// about is what a result is about.
type about struct {
	client, target string
	// broker and version are what was run: the broker, and the client.
	broker, version string
	commit, date    string
}

// verdict is what became of one test. The reason is that of a skip or a failure.
type verdict struct{ word, reason string }

// result is what the tests of a folder said on a target:
//
//	broker   Apache Kafka 4.2.0
//	version  franz-go v1.22.2
//	commit   b81639e15c
//	date     2026-11-23
//
//	pass  TestTopics
//	skip  TestRewind: only Mainstem has this, and this is kafka
type result struct {
	about
	tests map[string]verdict
}

// said is a line of a test with its place in the source.
var said = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)$`)

// newResult keeps verdicts, and of what did not pass why.
func newResult(a about, res *results) *result {
	r := &result{about: a, tests: map[string]verdict{}}
	for name, word := range res.verdict {
		v := verdict{word: word}
		if text := res.output[name]; text != nil && word != "pass" {
			for line := range strings.Lines(text.String()) {
				if m := said.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
					v.reason = short(m[1])
					break
				}
			}
		}
		r.tests[name] = v
	}
	return r
}

// short is the begin of a long text.
func short(text string) string {
	const most = 160
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func resultFile(root, client, target string) string {
	return filepath.Join(root, resultsDir, client+"."+target+".txt")
}

func (r *result) save(root string) error {
	file := resultFile(root, r.client, r.target)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(r.text()), 0o644)
}

func (r *result) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by run.sh: what the tests of %s said. See ../README.md.\n", r.client)
	for _, f := range r.header() {
		fmt.Fprintf(&b, "%-8s %s\n", f.name, *f.value)
	}
	b.WriteString("\n")
	for _, name := range slices.Sorted(maps.Keys(r.tests)) {
		v := r.tests[name]
		fmt.Fprintf(&b, "%s  %s", v.word, name)
		if v.reason != "" {
			b.WriteString(": " + v.reason)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// field is a line of a result's head.
type field struct {
	name  string
	value *string
}

func (a *about) header() []field {
	return []field{{"broker", &a.broker}, {"version", &a.version}, {"commit", &a.commit}, {"date", &a.date}}
}

// readResult reads a file that save wrote; nil if there is none.
func readResult(root, client, target string) (*result, error) {
	file := resultFile(root, client, target)
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &result{about: about{client: client, target: target}, tests: map[string]verdict{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		at := slices.IndexFunc(r.header(), func(f field) bool { return f.name == word })
		switch {
		case at >= 0:
			*r.header()[at].value = rest
		case word == "pass" || word == "fail" || word == "skip":
			name, reason, _ := strings.Cut(rest, ": ")
			r.tests[name] = verdict{word, reason}
		default:
			return nil, fmt.Errorf("%s: %q is no line of a result", file, line)
		}
	}
	return r, nil
}

// of is what became of a test, or of the one that it is a part of if that ended before
// its parts began.
func (r *result) of(name string) (verdict, bool) {
	for {
		if v, ok := r.tests[name]; ok {
			return v, true
		}
		end := strings.LastIndex(name, "/")
		if end < 0 {
			return verdict{}, false
		}
		name = name[:end]
	}
}
