package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
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

func main() {
	allowFile := flag.String("allow", "", "file with one test a line that must pass")
	target := flag.String("target", "mainstem", "what was tested: mainstem or kafka")
	quick := flag.Bool("quick", false, "the quick set: a skipped test is left out, not missing")
	write := flag.Bool("write", false, "write the passed tests to the allow file")
	flag.Parse()
	ok, err := run(os.Stdin, os.Stdout, *allowFile, *target, *quick, *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, allowFile, target string, quick, write bool) (bool, error) {
	res, err := read(in, out)
	if err != nil {
		return false, err
	}
	if write {
		return true, writeAllowed(allowFile, res)
	}
	allowed, err := readAllowed(allowFile)
	if err != nil {
		return false, err
	}
	return judge(out, res, allowed, target, quick), nil
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

func anyFailed(verdict map[string]string, prefix string) bool {
	for name, v := range verdict {
		if v == "fail" && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func judge(out io.Writer, res *results, allowed map[string]bool, target string, quick bool) bool {
	ok := true
	bad := func(format string, args ...any) {
		ok = false
		fmt.Fprintf(out, format+"\n", args...)
	}
	passed, failed, skipped := 0, 0, 0
	for _, name := range slices.Sorted(maps.Keys(res.verdict)) {
		v := res.verdict[name]
		switch v {
		case "pass":
			passed++
			if !allowed[name] {
				fmt.Fprintf(out, "LIST ME  %s passes and is not in allow.txt\n", name)
			}
		case "fail":
			failed++
			if text := res.output[name]; text != nil {
				fmt.Fprint(out, text.String())
			}
			if allowed[name] || target == "kafka" {
				bad("FAIL     %s", name)
			} else {
				fmt.Fprintf(out, "GAP      %s\n", name)
			}
		case "skip":
			skipped++
			if text := res.output[name]; text != nil && strings.Contains(text.String(), "NOT TESTED") {
				fmt.Fprint(out, text.String()) // not by choice: it must not go unseen
			}
			if allowed[name] && !res.maySkip(name, target, quick) {
				bad("SKIPPED  %s: a skip is not a pass", name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		if _, ran := res.verdict[name]; !ran && !res.skippedWithParent(name, target, quick) {
			bad("MISSING  %s is in allow.txt and did not run", name)
		}
	}
	if passed+failed == 0 || (res.broken && failed == 0) {
		if text := res.output[""]; text != nil {
			fmt.Fprint(out, text.String())
		}
		bad("the tests could not run")
	}
	fmt.Fprintf(out, "%s: %d passed, %d failed, %d skipped\n", target, passed, failed, skipped)
	return ok
}

// maySkip tells whether a test that must pass may be skipped: by the quick set, and
// on Kafka if it says that it is of what only Mainstem has.
func (r *results) maySkip(name, target string, quick bool) bool {
	if quick {
		return true
	}
	text := r.output[name]
	return target == "kafka" && text != nil && strings.Contains(text.String(), harness.MainstemOnly)
}

// skippedWithParent tells a subtest of a test that was skipped whole and may be.
func (r *results) skippedWithParent(name, target string, quick bool) bool {
	parent, _, _ := strings.Cut(name, "/")
	return r.verdict[parent] == "skip" && r.maySkip(parent, target, quick)
}

func readAllowed(file string) (map[string]bool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	allowed := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			allowed[line] = true
		}
	}
	return allowed, nil
}

func writeAllowed(file string, res *results) error {
	if res.broken {
		return errors.New("not written: some tests failed")
	}
	var b strings.Builder
	b.WriteString("# Tests that must pass on Mainstem. A ratchet: lines are added, never removed\n# without an entry in findings.md.\n")
	for _, name := range slices.Sorted(maps.Keys(res.verdict)) {
		if res.verdict[name] == "pass" {
			b.WriteString(name + "\n")
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
