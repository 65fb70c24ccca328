package snippet

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// TestPages: what the pages of docs/clients show is what the suites run.
func TestPages(t *testing.T) {
	module, err := harness.ModuleDir()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(module)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "clients", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("docs/clients has no pages: %v", err)
	}
	for _, name := range pages {
		t.Run(filepath.Base(name), func(t *testing.T) {
			page, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, wrong := range Check(os.DirFS(root), string(page)) {
				t.Errorf("docs/clients/%s: %s", filepath.Base(name), wrong)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	root := fstest.MapFS{
		"a/app.properties": {Data: []byte("x=1\ny=2\n")},
		"a/App.java":       {Data: []byte("class App {\n    // snippet: open\n    if (x) {\n\n        y();\n    }\n    // snippet: end\n}\n")},
	}
	cases := []struct {
		name, page string
		// want has a part of each text that is wrong.
		want []string
	}{
		{"same", "words\n\n<!-- a/app.properties -->\n```properties\nx=1\ny=2\n```\nmore\n", nil},
		{"part", "<!-- a/App.java#open -->\n```java\nif (x) {\n\n    y();\n}\n```\n", nil},
		{"typed and seen", "```console\n$ make\n```\n```text\nok\n```\n", nil},
		{"other comment", "<!-- a word about a/b -->\nwords\n", nil},
		{"a line differs", "<!-- a/app.properties -->\n```properties\nx=1\ny=3\n```\n", []string{`line 2: differs from a/app.properties:` + "\n" + `  its line 2 is "y=3", that of the file "y=2"`}},
		{"a line is missing", "<!-- a/app.properties -->\n```properties\nx=1\n```\n", []string{`its line 2 is "", that of the file "y=2"`}},
		{"a line is more", "<!-- a/app.properties -->\n```properties\nx=1\ny=2\nz\n```\n", []string{`its line 3 is "z", that of the file ""`}},
		{"an empty line is more", "<!-- a/app.properties -->\n```properties\nx=1\ny=2\n\n```\n", []string{"its line 4"}},
		{"a part differs", "<!-- a/App.java#open -->\n```java\nif (z) {\n```\n", []string{"line 2: differs from a/App.java#open"}},
		{"no such part", "<!-- a/App.java#shut -->\n```java\n```\n", []string{`has no line with "snippet: shut"`}},
		{"no such file", "<!-- a/none -->\n```properties\nx=1\n```\n", []string{"a/none"}},
		{"outside", "<!-- ../a/app.properties -->\n```\nx=1\ny=2\n```\n", []string{"line 2: open ../a/app.properties"}},
		{"no name", "words\n```properties\nx=1\n```\n", []string{`line 2: the block of "properties" has no`}},
		{"no language", "```\nx=1\n```\n", []string{`line 1: the block of "" has no`}},
		{"a name without a block", "<!-- a/app.properties -->\n\n```text\nx=1\n```\n", []string{"line 1: no block follows the name of a/app.properties"}},
		{"indented", "- x\n  ```properties\n  x=1\n", []string{"line 2: the fence is indented"}},
		{"not closed", "```text\nx\n", []string{"line 1: the block is not closed"}},
		{"each of two", "```sh\n```\n```sh\n```\n", []string{"line 1:", "line 3:"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Check(root, c.page)
			if !slices.EqualFunc(got, c.want, strings.Contains) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
