package main

import (
	"fmt"
	"maps"
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

// strays are results of folders that are not there.
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
	for _, target := range []harness.Target{harness.Mainstem, harness.Kafka} {
		r := f.results[target]
		if r == nil {
			say("no result on %s: ./run.sh %s %s", target, f.name, target)
			continue
		}
		if r.version != f.version {
			say("tested on %s with %q, and VERSION says %q: run it again", target, r.version, f.version)
		}
		for _, name := range slices.Sorted(maps.Keys(f.allowed)) {
			switch v, ran := r.of(name); {
			case !ran:
				say("%s is in allow.txt and has no result on %s: run it again", name, target)
			case v.word == "fail", v.word == "skip" && !(target == harness.Kafka && isKafkas(v.reason)):
				say("%s is in allow.txt, and on %s it is %q %s", name, target, v.word, v.reason)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(r.tests)) {
			switch top, _, _ := strings.Cut(name, "/"); {
			case f.titles[top] == "":
				say("%s has a result on %s and is no test any more: run it again", name, target)
			case target == harness.Mainstem && r.tests[name].word == "pass" && !f.allowed[name]:
				say("%s passes and is not in allow.txt", name)
			}
		}
	}
	return all
}

// isKafkas tells a reason for which a test is skipped on Kafka and not on Mainstem.
func isKafkas(reason string) bool {
	return strings.Contains(reason, harness.MainstemOnly) || strings.Contains(reason, harness.KafkaRefuses)
}
