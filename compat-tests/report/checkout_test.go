package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckedOut: a result is stamped with a commit that has what ran, or says that it
// has not.
func TestCheckedOut(t *testing.T) {
	for _, c := range []struct {
		name string
		file string // that is written after the commit, below the repository
		plus bool
	}{
		{"as committed", "", false},
		{"a changed test", "compat-tests/clients/a/a_test.go", true},
		{"a changed broker", "server/server.go", true},
		{"a new file of a folder", "compat-tests/clients/a/new_test.go", true},
		{"a new folder", "compat-tests/clients/b/b_test.go", true},
		{"a new file of the broker", "server/new.go", true},
		{"a new result", "compat-tests/results/b.mainstem.txt", false},
		{"a changed result", "compat-tests/results/a.mainstem.txt", false},
		{"what git ignores", "bin/mainstem", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			repo := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				file := filepath.Join(repo, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			git := func(args ...string) string {
				t.Helper()
				out, err := exec.Command("git", append([]string{"-C", repo, "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"}, args...)...).CombinedOutput()
				if err != nil {
					t.Fatalf("git %v: %v\n%s", args, err, out)
				}
				return strings.TrimSpace(string(out))
			}
			for _, name := range []string{"compat-tests/clients/a/a_test.go", "compat-tests/results/a.mainstem.txt", "server/server.go"} {
				write(name, "before")
			}
			write(".gitignore", "/bin/\n")
			git("init", "-q")
			git("add", ".")
			git("commit", "-q", "-m", "all")
			want := git("rev-parse", "--short=10", "HEAD")
			if c.file != "" {
				write(c.file, "after")
			}
			if c.plus {
				want += "+"
			}
			if commit, _, err := checkedOut(filepath.Join(repo, "compat-tests")); err != nil || commit != want {
				t.Errorf("%q, expected %q; %v", commit, want, err)
			}
		})
	}
}
