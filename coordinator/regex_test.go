package coordinator

import (
	"strings"
	"testing"
)

// TestCompileRegex: patterns match whole names, and none costs more than its worth.
func TestCompileRegex(t *testing.T) {
	t.Parallel()
	for regex, names := range map[string]struct{ matches, others string }{
		`a|b`:      {"a b", "ab ac"},
		`\Qa.b`:    {"a.b", "axb a.b)"},
		`\Qa.b\E`:  {"a.b", "axb"},
		`(?i)A\Q.`: {"a. A.", "ab"},
		`[a-z0-9]{1,200}\.[a-z]{1,200}\.[a-z]{1,200}`: {"a.b.c", "a.b"},
		strings.Repeat("name|", 200) + "other":        {"name other", "names"},
		`^a$`:                                         {"a", "aa"},
	} {
		match, err := compileRegex(regex)
		if err != nil {
			t.Errorf("%s: %v", regex, err)
			continue
		}
		for _, name := range strings.Fields(names.matches) {
			if !match.MatchString(name) {
				t.Errorf("%s does not match %s", regex, name)
			}
		}
		for _, name := range strings.Fields(names.others) {
			if match.MatchString(name) {
				t.Errorf("%s matches %s", regex, name)
			}
		}
	}
	for _, regex := range []string{
		`(?:` + strings.Repeat(".?", 500) + `){1000}`,
		`((a{10}){10}b{10}){21}`,
		`(?:(?:a{0,30}){0,30}){2,}`,
		strings.Repeat(`[a-z]{1000}`, 2),
		strings.Repeat("a", regexMax+1),
	} {
		if _, err := compileRegex(regex); err == nil {
			t.Errorf("%.40s... is compiled", regex)
		}
	}
}

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
