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
		{0, "txn-timeout", false},
		{60, "selfcheck", false},
		{60, "seed", false},
		{60, "full-every", false},
		{60, "producers", false},
		{60, "rate", true},
		{60, "session", true},
		{60, "cycles", true},
		{60, "txn-timeout", false},
		{60, "for", true},
		{60, "loops", false},
		{0, "loops", false},
	} {
		err := options{groups: c.groups}.misused(func(name string) bool { return name == c.flag })
		if (err == nil) != c.ok {
			t.Errorf("-groups %d -%s: %v", c.groups, c.flag, err)
		}
	}
	for flag, ok := range map[string]bool{
		"loops": true, "for": true, "txn-timeout": true, "seed": true, "most": true, "full-every": true, "cycles": true,
		"producers": false, "rate": false, "selfcheck": false, "every": false, "session": false,
	} {
		if err := (options{txn: 3}).misused(func(name string) bool { return name == flag }); (err == nil) != ok {
			t.Errorf("-txn 3 -%s: %v", flag, err)
		}
	}
	if err := (options{}).misused(func(name string) bool { return name == "cycles" || name == "for" }); err == nil {
		t.Error("-cycles and -for go together")
	}
	if err := (options{txn: 3, groups: 3}).misused(func(string) bool { return false }); err == nil {
		t.Error("-txn and -groups go together")
	}
}
