package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pmezard/go-difflib/difflib"
)

// TestCommitted: the page is what the committed results say, and these stand for what
// the folders have.
func TestCommitted(t *testing.T) {
	m, err := readMatrix("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.problems() {
		t.Error(p)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	diff, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(page)), B: difflib.SplitLines(m.page()), FromFile: "docs/compatibility.md", ToFile: "the results", Context: 1,
	})
	if err != nil || diff != "" {
		t.Errorf("make compat-report writes it again: %v\n%s", err, diff)
	}
}
