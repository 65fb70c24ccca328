package pattern

import (
	"strings"
	"testing"
)

// TestCompile: patterns match whole names, and none costs more than its worth.
func TestCompile(t *testing.T) {
	t.Parallel()
	for regex, names := range map[string]struct{ matches, others string }{
		`a|b`:      {"a b", "ab ac"},
		`\Qa.b`:    {"a.b", "axb a.b)"},
		`\Qa.b\E`:  {"a.b", "axb"},
		`(?i)A\Q.`: {"a. A.", "ab"},
		`[a-z0-9]{1,200}\.[a-z]{1,200}\.[a-z]{1,200}`: {"a.b.c", "a.b"},
		strings.Repeat("name|", 200) + "other":        {"name other", "names"},
		`^a$`:                                         {"a", "aa"},
		`a|aa`:                                        {"a aa", "aaa"},
	} {
		match, err := Compile(regex)
		if err != nil {
			t.Errorf("%s: %v", regex, err)
			continue
		}
		for _, name := range strings.Fields(names.matches) {
			if !match.Matches(name) {
				t.Errorf("%s does not match %s", regex, name)
			}
		}
		for _, name := range strings.Fields(names.others) {
			if match.Matches(name) {
				t.Errorf("%s matches %s", regex, name)
			}
		}
	}
	for _, regex := range []string{
		`(?:` + strings.Repeat(".?", 500) + `){1000}`,
		`((a{10}){10}b{10}){21}`,
		`(?:(?:a{0,30}){0,30}){2,}`,
		strings.Repeat(`[a-z]{1000}`, 2),
		strings.Repeat("a", BytesMax+1),
		"(", "a)|(b", "[a", "a{1001}",
	} {
		if _, err := Compile(regex); err == nil {
			t.Errorf("%.40s... is compiled", regex)
		}
	}
}

// TestNewlines: the whole name is all of its lines.
func TestNewlines(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a.*", "(?m)^a$", ""} {
		if p, err := Compile(text); err != nil || p.Matches("a\nb") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	p, err := Compile("(?:ab?){3}")
	if err != nil {
		t.Fatal(err)
	}
	if short, long := p.Cost("a"), p.Cost("aaa"); short <= 0 || long != 2*short {
		t.Errorf("%d, %d", short, long)
	}
}
