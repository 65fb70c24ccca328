package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// folder is one of clients/ or pipelines/, or behaviour, that has an allow.txt.
type folder struct {
	// path is below the root; name is its end.
	path, name string
	// version is what VERSION says now.
	version string
	allowed map[string]bool
	// titles are what the doc comments of the tests say.
	titles   map[string]string
	findings []finding
	// results by target; there is none of another version of the client.
	results map[harness.Target]*result
}

// patterns find the folders, in the page's order.
func patterns() []string {
	return []string{"clients/*/allow.txt", "pipelines/*/allow.txt", "behaviour/allow.txt"}
}

// readFolders reads all folders and their results.
func readFolders(root string) (all []*folder, err error) {
	for _, pattern := range patterns() {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			f, err := readFolder(root, filepath.Dir(file))
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}

func readFolder(root, dir string) (f *folder, err error) {
	f = &folder{name: filepath.Base(dir), results: map[harness.Target]*result{}}
	if f.path, err = filepath.Rel(root, dir); err != nil {
		return nil, err
	}
	if f.version, err = clientVersion(root, dir); err != nil {
		return nil, err
	}
	if f.allowed, err = readAllowed(filepath.Join(dir, "allow.txt")); err != nil {
		return nil, err
	}
	if f.titles, err = titles(dir); err != nil {
		return nil, err
	}
	if f.findings, err = readFindings(filepath.Join(dir, "findings.md")); err != nil {
		return nil, err
	}
	for _, target := range []harness.Target{harness.Mainstem, harness.Kafka} {
		r, err := readResult(root, f.name, string(target))
		if err != nil {
			return nil, err
		}
		if r != nil && r.version == f.version {
			f.results[target] = r
		}
	}
	return f, nil
}

// titles are the first sentences of the doc comments of a folder's tests.
func titles(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				all[fn.Name.Name] = title(fn.Name.Name, fn.Doc.Text())
			}
		}
	}
	return all, nil
}

// title is the first sentence of a comment without the test's name. Without a comment
// the name speaks.
func title(name, comment string) string {
	text := strings.Join(strings.Fields(comment), " ")
	if first, _, more := strings.Cut(text, ". "); more {
		text = first
	}
	text = strings.TrimSuffix(strings.TrimLeft(strings.TrimPrefix(text, name), ": "), ".")
	if text == "" {
		text = words(strings.TrimPrefix(name, "Test"))
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// words takes a name like ProduceConsume apart.
func words(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]) {
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// pinned is {NAME} in a VERSION: the version of a Go module in go.mod, of Apache Kafka in
// a folder's pom.xml, or what another folder's VERSION says.
var (
	pinned = regexp.MustCompile(`\{([^}\s]+)\}`)
	inPom  = regexp.MustCompile(`<kafka\.version>([^<]+)</kafka\.version>`)
)

// clientVersion is what a folder's VERSION says, in one line; "" without one.
func clientVersion(root, dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "VERSION"))
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	line := strings.Join(slices.Collect(nonEmpty(strings.Lines(string(text)))), "; ")
	line = pinned.ReplaceAllStringFunc(line, func(name string) string {
		name = strings.Trim(name, "{}")
		if m := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(name) + ` (\S+)`).FindSubmatch(module); m != nil {
			return string(m[1])
		}
		if pom, err := os.ReadFile(filepath.Join(root, name, "pom.xml")); err == nil {
			if m := inPom.FindSubmatch(pom); m != nil {
				return string(m[1])
			}
		}
		if other, err := os.ReadFile(filepath.Join(root, name, "VERSION")); err == nil {
			return strings.TrimSpace(string(other))
		}
		return "{" + name + "}"
	})
	if left := pinned.FindString(line); left != "" {
		return "", fmt.Errorf("%s/VERSION: %s is neither in go.mod nor a folder with a pom.xml or a VERSION", dir, left)
	}
	return line, nil
}

// nonEmpty are the lines that have something, without what is around it.
func nonEmpty(lines func(func(string) bool)) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range lines {
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}
