package groups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// PythonClient is a client whose member program is in Python, testdata/member.py:
// the package that VERSION names is installed for it, and scenario.py is beside it.
func PythonClient(t *testing.T) *Client {
	t.Helper()
	name, version := Installed(t)
	python, err := harness.Python(testbroker.Context(t, 5*time.Minute), name+"=="+version)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{
		Command: []string{python, filepath.Join("testdata", "member.py")},
		Env:     []string{"PYTHONPATH=" + filepath.Join("..", "groups", "python"), "PYTHONDONTWRITEBYTECODE=1"},
	}
}

// Installed reads the package and its version that a client's VERSION begins with.
func Installed(t *testing.T) (name, version string) {
	t.Helper()
	text, err := os.ReadFile("VERSION")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		t.Fatalf("VERSION: %q", text)
	}
	return words[0], strings.TrimSuffix(words[1], ",")
}
