package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlantedBugsStillFit checks that each patch of a known bug names the test
// that must catch it and still matches the code: `make planted` and `make
// planted-killtest`, which apply them, take minutes and are not run with every change.
func TestPlantedBugsStillFit(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	found := 0
	err := walk(root, func(name string) error {
		if !strings.Contains(name, "testdata/planted/") {
			return nil
		}
		found++
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), "\nTest: ") {
			t.Errorf("%s has no line \"Test: ...\"", name)
		}
		if strings.Contains(string(text), "\nKilltest: ") != strings.Contains(string(text), "\nFinds: ") {
			t.Errorf("%s needs both lines \"Killtest: ...\" and \"Finds: ...\", or none", name)
		}
		for _, h := range hunks(string(text)) {
			source, err := fs.ReadFile(root, h.file)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if !strings.Contains(string(source), h.before) {
				t.Errorf("%s does not fit %s any more:\n%s", name, h.file, h.before)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Fatal("no planted bugs were found")
	}
}

// hunk is what a part of a patch expects to find in a file.
type hunk struct{ file, before string }

func hunks(patch string) []hunk {
	var all []hunk
	file := ""
	for line := range strings.Lines(patch) {
		switch {
		case strings.HasPrefix(line, "--- a/"):
			file = strings.TrimSpace(strings.TrimPrefix(line, "--- a/"))
		case strings.HasPrefix(line, "+++ "):
		case strings.HasPrefix(line, "@@"):
			all = append(all, hunk{file: file})
		case len(all) == 0 || file == "":
		case strings.HasPrefix(line, " "), strings.HasPrefix(line, "-"):
			all[len(all)-1].before += line[1:]
		case line == "\n":
			all[len(all)-1].before += line
		}
	}
	for i := range all {
		all[i].before = strings.TrimRight(all[i].before, "\n")
	}
	return all
}

func TestHunks(t *testing.T) {
	got := hunks("# why\nTest: ./x\n\n--- a/x/y.go\n+++ b/x/y.go\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n")
	if len(got) != 1 || got[0].file != "x/y.go" || got[0].before != "a\nb\nd" {
		t.Fatalf("%+v", got)
	}
}
