package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

// results are a run's tests by verdict: pass, fail or skip.
type results struct {
	verdict map[string]string
	output  map[string]*strings.Builder
	// broken says that a package failed outside its tests, as by a broker
	// that did not start.
	broken bool
}

// read collects verdicts; tests with subtests count by their subtests.
func read(in io.Reader, out io.Writer) (*results, error) {
	res := &results{verdict: map[string]string{}, output: map[string]*strings.Builder{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // A compiler's word.
			continue
		}
		switch e.Action {
		case "output", "build-output":
			b := res.output[e.Test]
			if b == nil {
				b = &strings.Builder{}
				res.output[e.Test] = b
			}
			b.WriteString(e.Output)
		case "pass", "fail", "skip":
			if e.Test != "" {
				res.verdict[e.Test] = e.Action
			} else if e.Action == "fail" {
				res.broken = true
			}
		case "build-fail":
			res.broken = true
		}
	}
	for name := range res.verdict {
		if parent, _, ok := strings.Cut(name, "/"); ok {
			// A parent may fail by itself: then it stays.
			if res.verdict[parent] != "fail" || anyFailed(res.verdict, parent+"/") {
				delete(res.verdict, parent)
			}
		}
	}
	return res, lines.Err()
}

// ran tells whether the tests could run: a result of those that could not is none.
func (r *results) ran() bool {
	failed, any := false, false
	for _, v := range r.verdict {
		failed = failed || v == "fail"
		any = any || v != "skip"
	}
	return any && (failed || !r.broken)
}

func anyFailed(verdict map[string]string, prefix string) bool {
	for name, v := range verdict {
		if v == "fail" && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
