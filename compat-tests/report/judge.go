package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

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
// on Kafka if it says that it is of what only Mainstem has, or that Kafka refuses it.
func (r *results) maySkip(name, target string, quick bool) bool {
	if quick {
		return true
	}
	text := r.output[name]
	return target == "kafka" && text != nil && isKafkas(text.String())
}

// skippedWithParent tells a subtest of a test that was skipped whole and may be.
func (r *results) skippedWithParent(name, target string, quick bool) bool {
	parent, _, _ := strings.Cut(name, "/")
	return r.verdict[parent] == "skip" && r.maySkip(parent, target, quick)
}
