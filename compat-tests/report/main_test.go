package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// line is one event of `go test -json`; "" as the test means the package.
func line(action, test string) string {
	return `{"Action":"` + action + `","Package":"p","Test":"` + test + `","Output":"` + test + ` says\n"}`
}

// saying is what a test prints.
func saying(test, words string) string {
	return `{"Action":"output","Package":"p","Test":"` + test + `","Output":"    x_test.go:1: ` + words + `\n"}`
}

// TestJudge: what makes a run fail, and what it says.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		allow  string
		target string
		quick  bool
		ok     bool
		says   []string
	}{
		{
			name: "all listed pass", allow: "# why\n\nA\nB\n", ok: true, says: []string{"2 passed, 0 failed, 0 skipped"},
			events: []string{line("pass", "A"), line("pass", "B"), line("pass", "")},
		},
		{
			name: "a listed one fails", allow: "A\n", says: []string{"A says", "FAIL     A"},
			events: []string{line("output", "A"), line("fail", "A"), line("fail", "")},
		},
		{
			name: "an unlisted one fails", allow: "B\n", ok: true, says: []string{"GAP      A"},
			events: []string{line("fail", "A"), line("pass", "B"), line("fail", "")},
		},
		{
			name: "an unlisted one fails on Kafka", target: "kafka", says: []string{"FAIL     A"},
			events: []string{line("fail", "A"), line("fail", "")},
		},
		{
			name: "an unlisted one passes", ok: true, says: []string{"LIST ME  A"},
			events: []string{line("pass", "A"), line("pass", "")},
		},
		{
			name: "a listed one did not run", allow: "A\nB\n", says: []string{"MISSING  B"},
			events: []string{line("pass", "A"), line("pass", "")},
		},
		{
			name: "a listed one is skipped", allow: "A\nB\n", says: []string{"SKIPPED  B"},
			events: []string{line("pass", "A"), line("skip", "B")},
		},
		{
			name: "a listed one is skipped in the quick set", allow: "A\nB\nC/x\n", quick: true, ok: true,
			events: []string{line("pass", "A"), line("skip", "B"), line("skip", "C")},
		},
		{
			name: "a listed one is skipped on Kafka, which does not have it", allow: "A\nB\nC/x\n", target: "kafka", ok: true,
			events: []string{line("pass", "A"), saying("B", harness.MainstemOnly), line("skip", "B"), saying("C", harness.MainstemOnly), line("skip", "C")},
		},
		{
			name: "a listed one is not tested on Kafka", allow: "A\nB\n", target: "kafka", says: []string{"NOT TESTED: no disk", "SKIPPED  B"},
			events: []string{line("pass", "A"), saying("B", "NOT TESTED: no disk"), line("skip", "B")},
		},
		{
			name: "a listed one is skipped with its parent on Kafka", allow: "A\nC/x\n", target: "kafka", says: []string{"MISSING  C/x"},
			events: []string{line("pass", "A"), saying("C", "NOT TESTED: no disk"), line("skip", "C")},
		},
		{
			name: "a listed one is refused by Kafka", allow: "A\nB\n", target: "kafka", ok: true,
			events: []string{line("pass", "A"), saying("B", harness.KafkaRefuses+": closed"), line("skip", "B")},
		},
		{
			name: "only Mainstem has it, and this is Mainstem", allow: "A\nB\n", says: []string{"SKIPPED  B"},
			events: []string{line("pass", "A"), saying("B", harness.MainstemOnly), line("skip", "B")},
		},
		{
			name: "subtests count, not their parent", allow: "A/x\n", ok: true, says: []string{"GAP      A/y", "1 passed, 1 failed"},
			events: []string{line("pass", "A/x"), line("fail", "A/y"), line("fail", "A"), line("fail", "")},
		},
		{
			name: "a parent that fails by itself", says: []string{"GAP      A\n", "1 passed, 1 failed"}, ok: true,
			events: []string{line("pass", "A/x"), line("fail", "A"), line("fail", "")},
		},
		{
			name: "nothing ran", says: []string{"no compiler likes this", "could not run"},
			events: []string{"no compiler likes this", `{"Action":"build-fail"}`},
		},
		{
			name: "the package fails after its tests", allow: "A\n", says: []string{"could not run"},
			events: []string{line("pass", "A"), line("fail", "")},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "allow.txt")
			if err := os.WriteFile(file, []byte(c.allow), 0o600); err != nil {
				t.Fatal(err)
			}
			target := c.target
			if target == "" {
				target = "mainstem"
			}
			var out strings.Builder
			ok, err := run(strings.NewReader(strings.Join(c.events, "\n")), &out, options{allow: file, target: target, quick: c.quick})
			if err != nil || ok != c.ok {
				t.Errorf("ok %v, error %v; want %v", ok, err, c.ok)
			}
			for _, want := range c.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in\n%s", want, out.String())
				}
			}
		})
	}
}

// TestWrite: the passed tests are listed, and a broken run writes nothing.
func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "allow.txt")
	events := []string{line("pass", "B"), line("pass", "A"), line("skip", "C")}
	var out strings.Builder
	if _, err := run(strings.NewReader(strings.Join(events, "\n")), &out, options{allow: file, target: "mainstem", write: true}); err != nil {
		t.Fatal(err)
	}
	allowed, err := readAllowed(file)
	if err != nil || !maps.Equal(allowed, map[string]bool{"A": true, "B": true}) {
		t.Errorf("listed are %v, %v", allowed, err)
	}
	events = append(events, line("fail", ""))
	if _, err := run(strings.NewReader(strings.Join(events, "\n")), &out, options{allow: file, target: "mainstem", write: true}); err == nil {
		t.Error("a broken run was written")
	}
}
