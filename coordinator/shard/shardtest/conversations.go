package shardtest

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/datadriven"
)

// Conversations plays testdata/*.txt, each in a bubble and with a talk of its own.
// play carries out a command and returns what has to be its planned output; end
// stops all that runs, and returns the requests that were never answered.
func Conversations[T any](
	t *testing.T, begin func(*testing.T) T, play func(*testing.T, T, *datadriven.TestData) string, end func(T) []string,
) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				talk := begin(t)
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return play(t, talk, d) })
				for _, tag := range end(talk) {
					t.Errorf("request %s was never answered", tag)
				}
			})
		})
	}
}
