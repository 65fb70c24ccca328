package spark

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lineOf is what the job makes of a record of the input.
func lineOf(r *kgo.Record) string { return fmt.Sprintf("%d %d %s", r.Partition, r.Offset, r.Value) }

// check compares copies with the input: each record is there, once if the copy is exact,
// and nothing else is.
func check(input []*kgo.Record, copies []string, exact bool) error {
	times := map[string]int{}
	for _, c := range copies {
		times[c]++
	}
	var errs []error
	for _, r := range input {
		line := lineOf(r)
		switch n := times[line]; {
		case n == 0:
			errs = append(errs, fmt.Errorf("%q was not copied", line))
		case n > 1 && exact:
			errs = append(errs, fmt.Errorf("%q was copied %d times", line, n))
		}
		delete(times, line)
	}
	for line := range times {
		errs = append(errs, fmt.Errorf("%q is in no input", line))
	}
	const most = 5
	if len(errs) > most {
		errs = append(errs[:most], fmt.Errorf("and %d more", len(errs)-most))
	}
	return errors.Join(errs...)
}

func valuesOf(records []*kgo.Record) (lines []string) {
	for _, r := range records {
		lines = append(lines, string(r.Value))
	}
	return lines
}

// filed are the lines of the files that Spark's own log of files says are whole: others
// are of a job that was killed, and no reader of Spark's takes them.
func filed(t *testing.T, dir string) (lines []string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "_spark_metadata", "[0-9]*")) // others are sums of these
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log of files in %s: %v", dir, err)
	}
	seen := map[string]bool{}
	for _, log := range logs {
		for _, entry := range linesOf(t, log)[1:] { // the first is a version
			var file struct{ Path, Action string }
			if err := json.Unmarshal([]byte(entry), &file); err != nil {
				t.Fatalf("%s: %v", log, err)
			}
			// Logs are put together now and then: a file may be in two.
			if path := strings.TrimPrefix(file.Path, "file://"); file.Action == "add" && !seen[path] {
				seen[path] = true
				lines = append(lines, linesOf(t, path)...)
			}
		}
	}
	return lines
}

func linesOf(t *testing.T, name string) (lines []string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
