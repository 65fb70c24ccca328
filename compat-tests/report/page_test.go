package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree writes files below a directory of the test's own.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	ours   = "broker   Mainstem\nversion  x v1.2.3\ncommit   abc\ndate     2026-01-02\n\n"
	kafkas = "broker   Apache Kafka 4.2.0\nversion  x v1.2.3\ncommit   abc\ndate     2026-01-03\n\n"
)

// client is a folder with its results.
func client() map[string]string {
	return map[string]string{
		"go.mod":                 "module m\n\nrequire (\n\texample.org/x v1.2.3\n)\n",
		"clients/x/VERSION":      "x {example.org/x}\n",
		"clients/x/allow.txt":    "TestA/a_b\nTestA/c\nTestB\nTestC/java/one\nTestOld\n",
		"clients/x/x_test.go":    "package x\n\n// TestA: takes | all. And more.\nfunc TestA() {}\n\nfunc TestManyThings() {}\n\n// TestB sends\n// it.\nfunc TestB() {}\n// TestC: plays.\nfunc TestC() {}\n// TestOld: reads.\nfunc TestOld() {}\n",
		"clients/x/findings.md":  "# Findings\n\nAbout.\n\n## Works differently\n\nIt is slow.\n",
		"results/x.mainstem.txt": ours + "pass  TestA/a_b\npass  TestA/c\npass  TestB\npass  TestC/java/one\npass  TestOld\nfail  TestManyThings: no\n",
		"results/x.kafka.txt":    kafkas + "pass  TestA/a_b\npass  TestA/c\nskip  TestB: only Mainstem has this, and this is kafka\npass  TestC/java/one\nskip  TestOld: Apache Kafka refuses this: closed\npass  TestManyThings\n",
	}
}

// TestPage: what a folder and its results become.
func TestPage(t *testing.T) {
	m, err := readMatrix(tree(t, client()))
	if err != nil {
		t.Fatal(err)
	}
	if p := m.problems(); len(p) > 0 {
		t.Errorf("%q", p)
	}
	page := m.page()
	for _, want := range []string{
		"| [x](#x) | x v1.2.3 | 4 yes, 1 **refused**, 1 only Mainstem has | 5 yes, 1 **no** |\n",
		"x v1.2.3. Run on Apache Kafka 4.2.0 (2026-01-03, tests of commit abc) and on Mainstem (2026-01-02, tests of commit abc). ",
		"| Takes \\| all (a b; c) | yes | yes |\n",
		"| Sends it | – | yes |\n",
		"| java: Plays (one) | yes | yes |\n",
		"| Many things | yes | **no** |\n",
		"| Reads | **refused** | yes |\n",
		"### Works differently\n\n#### x: works differently\n\nIt is slow.\n",
		"### Does not work\n\nNothing.\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
}

// change replaces a text in one of the files; without an old text the file goes.
func change(t *testing.T, file, old, new string) *matrix {
	t.Helper()
	files := client()
	if old == "" {
		delete(files, file)
	} else {
		files[file] = strings.Replace(files[file], old, new, 1)
	}
	m, err := readMatrix(tree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestProblems: results that contradict what the folders say.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, file, old, new, want string }{
		{"it failed", "results/x.mainstem.txt", "pass  TestB", "fail  TestB: bad", `on mainstem it is "fail" bad`},
		{"it failed on Kafka", "results/x.kafka.txt", "pass  TestA/c", "fail  TestA/c: bad", `on kafka it is "fail" bad`},
		{"it was not tested", "results/x.kafka.txt", "skip  TestB: only Mainstem has this", "skip  TestB: NOT TESTED", `on kafka it is "skip" NOT TESTED`},
		{"it was skipped here", "results/x.mainstem.txt", "pass  TestB", "skip  TestB: only Mainstem has this", `on mainstem it is "skip"`},
		{"it is not listed", "results/x.mainstem.txt", "fail  TestManyThings", "pass  TestManyThings", "TestManyThings passes and is not in allow.txt"},
		{"no version", "clients/x/VERSION", "x {example.org/x}\n", "", "no VERSION"},
		{"no folder", "clients/x/allow.txt", "", "", "x.kafka.txt is of no folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := change(t, c.file, c.old, c.new).problems()
			if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("no %q in %q", c.want, got)
			}
		})
	}
}

// TestNotRun: what has no result of this version changes the page.
func TestNotRun(t *testing.T) {
	for _, c := range []struct{ name, file, old, new, want string }{
		{"a test is new", "clients/x/allow.txt", "TestB\n", "TestB\nTestD\n", "| D | not run | not run |\n"},
		{"it is gone", "results/x.kafka.txt", "pass  TestManyThings", "pass  TestGone", "| Many things | not run | **no** |\n"},
		{"another version", "go.mod", "v1.2.3", "v1.2.4", "| [x](#x) | x v1.2.4 | 5 not run | 5 not run |\n"},
		{"no result", "results/x.kafka.txt", "", "", "| Sends it | not run | yes |\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := change(t, c.file, c.old, c.new)
			if page, p := m.page(), m.problems(); !strings.Contains(page, c.want) || len(p) > 0 {
				t.Errorf("no %q, or %q, in:\n%s", c.want, p, page)
			}
		})
	}
}

// TestRefusedFiles: what cannot be read is said.
func TestRefusedFiles(t *testing.T) {
	for file, text := range map[string]string{
		"clients/x/findings.md":  "## Bugs\n\nx\n",
		"clients/x/VERSION":      "x {example.org/z}\n",
		"results/x.mainstem.txt": "perhaps TestA\n",
	} {
		files := client()
		files[file] = text
		if m, err := readMatrix(tree(t, files)); err == nil {
			t.Errorf("%s: %v", file, m.page())
		}
	}
}

// TestKept: a result that was written is read again, and a run that could not be is none.
func TestKept(t *testing.T) {
	files := client()
	delete(files, "results/x.mainstem.txt")
	root := tree(t, files)
	o := options{allow: filepath.Join(root, "clients/x/allow.txt"), target: "mainstem", keep: root, commit: "abc", date: "2026-01-02"}
	var out strings.Builder
	if _, err := run(strings.NewReader(`{"Action":"build-fail"}`), &out, o); err != nil {
		t.Fatal(err)
	}
	if r, err := readResult(root, "x", "mainstem"); r != nil || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	events := []string{line("pass", "TestA/a_b"), line("pass", "TestA"), saying("TestB", "no: disk: x"), line("skip", "TestB"), saying("TestC", "first"), saying("TestC", "last"), line("fail", "TestC")}
	if ok, err := run(strings.NewReader(strings.Join(events, "\n")), &out, o); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	r, err := readResult(root, "x", "mainstem")
	if err != nil || r == nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(r.text(), "\n\n")
	if want := "pass  TestA/a_b\nskip  TestB: no: disk: x\nfail  TestC: first\n"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
	if r.version != "x v1.2.3" || r.broker != "Mainstem" || r.commit != "abc" || r.date != "2026-01-02" {
		t.Errorf("%+v", r.about)
	}
}
