package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// finding is a section of a findings.md: what a user meets, by impact.
type finding struct{ impact, text string }

// impacts are the headings of a findings.md, the worst first.
func impacts() []string {
	return []string{"Does not work", "Works differently", "The client's own", "Mended"}
}

// readFindings reads a file, which need not be there. What is above its first heading of
// an impact is about the file.
func readFindings(file string) (all []finding, err error) {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if head, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "## "); ok {
			if !slices.Contains(impacts(), head) {
				return nil, fmt.Errorf("%s: %q is no impact: want %q", file, head, impacts())
			}
			all = append(all, finding{impact: head})
		} else if len(all) > 0 {
			all[len(all)-1].text += line
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no section: want one or more of %q", file, impacts())
	}
	for i := range all {
		all[i].text = strings.TrimSpace(all[i].text)
	}
	return all, nil
}
