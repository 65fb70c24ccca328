package arch

import (
	"strings"
	"testing"
	"testing/fstest"
)

// rules are the tidy rules by the name of their test.
func rules() map[string]rule {
	return map[string]rule{
		"long files":      eachFile(isGo, longFile),
		"bare TODO":       eachFile(isGo, bareTodo),
		"dead links":      eachFile(isDocument, deadLinks),
		"missing doc.go":  missingDoc,
		"unread testdata": unreadTestdata,
	}
}

func TestHouseIsTidy(t *testing.T) {
	for name, judge := range rules() {
		t.Run(name, func(t *testing.T) {
			faults, err := judge(house())
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range faults {
				t.Error(fault)
			}
		})
	}
}

// Every rule finds a planted fault and leaves its correct neighbour alone.
func TestEveryTidyRuleCanFail(t *testing.T) {
	word := "TO" + "DO" // this file is under the rule too
	for _, c := range []struct {
		rule string
		tree map[string]string
		want []string
	}{
		{"long files", map[string]string{
			"a/long.go": strings.Repeat("\n", linesMax+1), "a/fits.go": strings.Repeat("\n", linesMax),
			"a/testdata/long.go": strings.Repeat("\n", linesMax+1), "own/go.mod": "", "own/long.go": strings.Repeat("\n", 900),
		}, []string{"a/long.go has 601 lines"}},
		{"bare TODO", map[string]string{
			"a.go": "x // " + word + "\n// " + word + ": later\n// " + word + ": needs the image's second version.\nvar s = \"" + word + "\"\n",
		}, []string{"a.go:1:", "a.go:2:"}},
		{"dead links", map[string]string{
			"README.md": "[a](docs/a.md#part) [web](https://example.org/x) [top](#top) [bad](docs/none.md)\n`[code](none)`",
			"docs/a.md": "[up](../README.md) [bad](README.md)", "log/note.md": "[not ours](none)",
		}, []string{"README.md: dead link to docs/none.md", "docs/a.md: dead link to README.md"}},
		{"missing doc.go", map[string]string{
			"a/a.go": "package a", "a/b.go": "package a", "c/c.go": "package c", "c/doc.go": "package c",
		}, []string{"a has no doc.go"}},
		{"unread testdata", map[string]string{
			"a/testdata/used.txt": "", "a/testdata/lost.txt": "", "a/testdata/fuzz/FuzzA/1": "", "a/testdata/fuzz/FuzzGone/1": "",
			"a/a_test.go": "package a\n// used.txt\nfunc FuzzA(", "b/testdata/x": "", "b/b_test.go": `Walk(t, "testdata")`,
			"c/testdata/x": "", "c/c.go": "x",
		}, []string{"a/testdata/fuzz/FuzzGone is", "a/testdata/lost.txt is", "c/testdata/x is"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			tree := fstest.MapFS{}
			for name, text := range c.tree {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			faults, err := rules()[c.rule](tree)
			if err != nil {
				t.Fatal(err)
			}
			if len(faults) != len(c.want) {
				t.Fatalf("found %q, want %q", faults, c.want)
			}
			for i, fault := range faults {
				if !strings.HasPrefix(fault, c.want[i]) {
					t.Errorf("found %q, want %q", fault, c.want[i])
				}
			}
		})
	}
}
