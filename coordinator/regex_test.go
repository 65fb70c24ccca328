package coordinator

import (
	"strings"
	"testing"
)

// TestPatternsKept: a group compiles a pattern once, and keeps few of those that
// nobody uses any more.
func TestPatternsKept(t *testing.T) {
	t.Parallel()
	c := newConsumerGroup()
	c.index.regexUsers["used"] = 1
	first, err := c.pattern("used")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 * regexesKept {
		if _, err := c.pattern(strings.Repeat("a", n)); err != nil {
			t.Fatal(err)
		}
	}
	if again, _ := c.pattern("used"); again != first || len(c.soft.patterns.compiled) > regexesKept {
		t.Errorf("compiled again: %v; %d kept", again != first, len(c.soft.patterns.compiled))
	}
}
