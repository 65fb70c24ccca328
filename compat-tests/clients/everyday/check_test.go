package everyday

import (
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

// TestSame: the check finds what is planted.
func TestSame(t *testing.T) {
	want := makeRecords("check", 12)
	other, empty := "other", ""
	plants := map[string]func(rs []record) []record{
		"lost":      func(rs []record) []record { return rs[1:] },
		"doubled":   func(rs []record) []record { return append(rs, rs[0]) },
		"value":     func(rs []record) []record { rs[3].Value = &other; return rs },
		"no value":  func(rs []record) []record { rs[3].Value = nil; return rs },
		"empty key": func(rs []record) []record { rs[1].Key = &empty; return rs },
		"header":    func(rs []record) []record { rs[0].Headers = []commands.Header{{"trace", "1"}}; return rs },
		"no header": func(rs []record) []record { rs[0].Headers = nil; return rs },
		"time":      func(rs []record) []record { rs[5].Timestamp++; return rs },
		"offset":    func(rs []record) []record { rs[11].Offset++; return rs },
		"order":     func(rs []record) []record { rs[0].Offset, rs[3].Offset = rs[3].Offset, rs[0].Offset; return rs },
		"partition": func(rs []record) []record { rs[0].Partition = 1; return rs },
	}
	if err := same(slices.Clone(want), want, true); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
	for name, plant := range plants {
		if same(plant(slices.Clone(want)), want, true) == nil {
			t.Errorf("%s: not found", name)
		}
		if name == "time" || name == "offset" {
			continue
		}
		if got := plant(slices.Clone(want)); same(ranked(got, want), want, true) == nil {
			t.Errorf("%s, by order: not found", name)
		}
	}
}

// TestWords: what a program is given is what it was to be given.
func TestWords(t *testing.T) {
	for _, r := range makeRecords("words", 12) {
		got, err := commands.Parse(r.String())
		if err != nil || got.String() != r.String() || len(got.Headers) != len(r.Headers) || (got.Key == nil) != (r.Key == nil) {
			t.Errorf("%s: %s, %v", r, got, err)
		}
	}
}
