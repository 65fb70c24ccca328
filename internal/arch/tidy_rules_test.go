package arch

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

const linesMax = 600

var (
	// An open end says what and why: at least three words behind the colon.
	todoRule = regexp.MustCompile(`\bTODO\b(:(\s+\S+){3,})?`)
	linkRule = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	fence    = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
)

// rule judges a tree and returns a sentence for each fault.
type rule func(tree fs.FS) ([]string, error)

// eachFile makes a rule of one about single files that pass the filter.
func eachFile(filter func(name string) bool, judge func(tree fs.FS, name, text string) []string) rule {
	return func(tree fs.FS) ([]string, error) {
		var faults []string
		err := walk(tree, func(name string) error {
			if !filter(name) {
				return nil
			}
			text, err := fs.ReadFile(tree, name)
			faults = append(faults, judge(tree, name, string(text))...)
			return err
		})
		return faults, err
	}
}

func isGo(name string) bool { return path.Ext(name) == ".go" && !strings.Contains(name, "testdata/") }

func isDocument(name string) bool {
	return path.Ext(name) == ".md" && (path.Dir(name) == "." || strings.HasPrefix(name, "docs/"))
}

func longFile(_ fs.FS, name, text string) []string {
	if n := strings.Count(text, "\n"); n > linesMax {
		return []string{fmt.Sprintf("%s has %d lines, more than %d: split it by its nouns", name, n, linesMax)}
	}
	return nil
}

func bareTodo(_ fs.FS, name, text string) []string {
	var faults []string
	for i, line := range strings.Split(text, "\n") {
		_, comment, ok := strings.Cut(line, "//")
		if m := todoRule.FindStringSubmatch(comment); ok && m != nil && m[1] == "" {
			faults = append(faults, fmt.Sprintf("%s:%d: TODO without a reason", name, i+1))
		}
	}
	return faults
}

func deadLinks(tree fs.FS, name, text string) []string {
	var faults []string
	for _, m := range linkRule.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		link, err := url.Parse(m[1])
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: link %s: %v", name, m[1], err))
			continue
		}
		if link.Scheme != "" || link.Path == "" {
			continue
		}
		if target := path.Join(path.Dir(name), link.Path); !exists(tree, target) {
			faults = append(faults, fmt.Sprintf("%s: dead link to %s", name, m[1]))
		}
	}
	return faults
}

// missingDoc finds rooms without doc.go.
func missingDoc(tree fs.FS) ([]string, error) {
	files, err := sources(tree)
	var faults []string
	for _, f := range files {
		if doc := path.Join(f.room, "doc.go"); !exists(tree, doc) {
			faults = append(faults, f.room+" has no doc.go: say what the room is for")
		}
	}
	slices.Sort(faults)
	return slices.Compact(faults), err
}

// unreadTestdata finds entries of testdata folders that no test beside them
// speaks of: by name, or by reading the whole folder.
func unreadTestdata(tree fs.FS) ([]string, error) {
	tests := map[string]*strings.Builder{} // by folder
	entries := map[string]bool{}
	err := walk(tree, func(name string) error {
		if room, rest, ok := strings.Cut(name, "testdata/"); ok {
			entry, below, _ := strings.Cut(rest, "/")
			if entry == "planted" { // patches, read by TestPlantedBugsStillFit
				return nil
			}
			if entry == "fuzz" { // one folder for each target
				target, _, _ := strings.Cut(below, "/")
				entry = path.Join(entry, target)
			}
			entries[room+"testdata/"+entry] = true
			return nil
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		room := path.Dir(name)
		if tests[room] == nil {
			tests[room] = &strings.Builder{}
		}
		tests[room].Write(text)
		return err
	})
	var faults []string
	for entry := range entries {
		room, _, _ := strings.Cut(entry, "testdata/")
		var text string
		if b := tests[path.Clean(room)]; b != nil {
			text = b.String()
		}
		if !readBy(text, path.Base(entry), strings.Contains(entry, "testdata/fuzz/")) {
			faults = append(faults, fmt.Sprintf("%s is read by no test of its room", entry))
		}
	}
	slices.Sort(faults)
	return faults, err
}

func readBy(tests, entry string, fuzz bool) bool {
	if fuzz {
		return strings.Contains(tests, "func "+entry+"(")
	}
	if entry == "rapid" { // kept failures of the property library
		return strings.Contains(tests, "rapid.")
	}
	return strings.Contains(tests, entry) || strings.Contains(tests, `"testdata"`) ||
		strings.Contains(tests, "testdata/*") || strings.Contains(tests, `"testdata/"`)
}
