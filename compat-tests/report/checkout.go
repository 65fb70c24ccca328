package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// checkedOut is the commit of the source, and the day. A plus says that what ran is not
// what the commit has: beside results, something was changed since, or there are files
// that it does not have, as those of a folder that is new.
func checkedOut(root string) (commit, date string, err error) {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	date = time.Now().UTC().Format(time.DateOnly)
	if commit, err = git("rev-parse", "--short=10", "HEAD"); err != nil {
		return "", "", fmt.Errorf("a result names its commit: %w", err)
	}
	differs, err := git("status", "--porcelain", "--untracked-files=normal", "--", ":/", ":(exclude)"+resultsDir)
	if err != nil {
		return "", "", fmt.Errorf("a result says whether its commit is all that ran: %w", err)
	}
	if differs != "" {
		commit += "+"
	}
	return commit, date, nil
}
