package main

import "testing"

// TestMisused: a flag that would do nothing is refused.
func TestMisused(t *testing.T) {
	for _, c := range []struct {
		groups int
		flag   string
		ok     bool
	}{
		{0, "selfcheck", true},
		{0, "seed", true},
		{0, "rate", true},
		{0, "every", false},
		{0, "session", false},
		{60, "selfcheck", false},
		{60, "seed", false},
		{60, "full-every", false},
		{60, "producers", false},
		{60, "rate", true},
		{60, "session", true},
		{60, "cycles", true},
	} {
		err := options{groups: c.groups}.misused(func(name string) bool { return name == c.flag })
		if (err == nil) != c.ok {
			t.Errorf("-groups %d -%s: %v", c.groups, c.flag, err)
		}
	}
}
