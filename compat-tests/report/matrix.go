package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// matrix is all folders with their results.
type matrix struct {
	root    string
	folders []*folder
}

func readMatrix(root string) (*matrix, error) {
	folders, err := readFolders(root)
	return &matrix{root, folders}, err
}

// problems are where results do not stand for what the folders say.
func (m *matrix) problems() (all []string) {
	for _, f := range m.folders {
		for _, p := range f.problems() {
			all = append(all, f.path+": "+p)
		}
	}
	return append(all, m.strays()...)
}

// strays are results of folders that have no place here.
func (m *matrix) strays() (all []string) {
	known := map[string]bool{}
	for _, f := range m.folders {
		for _, target := range []harness.Target{harness.Mainstem, harness.Kafka} {
			known[filepath.Base(resultFile(m.root, f.name, string(target)))] = true
		}
	}
	entries, err := os.ReadDir(filepath.Join(m.root, resultsDir))
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range entries {
		if !known[e.Name()] {
			all = append(all, fmt.Sprintf("%s/%s is of no folder with an allow.txt", resultsDir, e.Name()))
		}
	}
	return all
}

func (f *folder) problems() (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if f.version == "" && strings.Contains(f.path, "/") {
		say("no VERSION")
	}
	for target, r := range f.results {
		for _, name := range f.names() {
			switch v, ran := r.of(name); {
			case !ran:
				// The page says so.
			case f.allowed[name] && (v.word == "fail" || v.word == "skip" && (target != harness.Kafka || !isKafkas(v.reason))):
				say("%s is in allow.txt, and on %s it is %q %s", name, target, v.word, v.reason)
			case target == harness.Mainstem && v.word == "pass" && !f.allowed[name]:
				say("%s passes and is not in allow.txt", name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// isKafkas tells a reason for which a test is skipped on Kafka and not on Mainstem.
func isKafkas(reason string) bool {
	return strings.Contains(reason, harness.MainstemOnly) || strings.Contains(reason, harness.KafkaRefuses)
}
