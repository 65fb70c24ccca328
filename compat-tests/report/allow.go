package main

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
)

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
