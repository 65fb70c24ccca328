package flink

import (
	"slices"
	"strings"
	"testing"
)

// TestCheck: what a job or a broker might do wrong is found.
func TestCheck(t *testing.T) {
	const n = 200
	right := func() []counted {
		last := map[string]int{}
		var all []counted
		for number := range n {
			visitor := visitorOf(number)
			last[visitor]++
			all = append(all, counted{visitor, last[visitor], number})
		}
		return all
	}
	if err := check(right(), n); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		plant func([]counted) []counted
		want  string
	}{
		"a record is lost":           {func(all []counted) []counted { return slices.Delete(all, 50, 51) }, "visit 50 of"},
		"the last record is lost":    {func(all []counted) []counted { return all[:n-1] }, "visit 199 of"},
		"a record comes twice":       {func(all []counted) []counted { return slices.Insert(all, 51, all[50]) }, "was counted 2 times"},
		"an aborted record is there": {func(all []counted) []counted { return append(all, counted{"visitor-0", 99, n}) }, "was never written"},
		"a visit is counted twice": {func(all []counted) []counted {
			again := all[n-1]
			again.count++
			return append(all, again)
		}, "visit 199 of visitor-36 was counted 2 times"},
		"the state is of before": {func(all []counted) []counted { all[n-1].count = 1; return all }, "and with visit 199"},
		"of another visitor":     {func(all []counted) []counted { all[60].visitor = "visitor-99"; return all }, "was counted for visitor-99"},
	} {
		t.Run(name, func(t *testing.T) {
			err := check(c.plant(right()), n)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
