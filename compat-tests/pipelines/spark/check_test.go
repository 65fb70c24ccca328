package spark

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCheck: what a job or a broker might do wrong is found.
func TestCheck(t *testing.T) {
	var input []*kgo.Record
	for i := range 100 {
		input = append(input, &kgo.Record{Partition: int32(i % 3), Offset: int64(i / 3), Value: fmt.Appendf(nil, "v%d", i)})
	}
	right := func() (lines []string) {
		for _, r := range input {
			lines = append(lines, lineOf(r))
		}
		return lines
	}
	if err := check(input, right(), true); err != nil {
		t.Fatal(err)
	}
	if err := check(input, append(right(), right()[7]), false); err != nil {
		t.Errorf("at least once: %v", err)
	}
	for name, c := range map[string]struct {
		plant func([]string) []string
		want  string
	}{
		"a record is lost":       {func(l []string) []string { return slices.Delete(l, 50, 51) }, `"2 16 v50" was not copied`},
		"a record comes twice":   {func(l []string) []string { return append(l, l[50]) }, "was copied 2 times"},
		"a record is another":    {func(l []string) []string { l[50] = "2 16 v5"; return l }, `"2 16 v5" is in no input`},
		"offsets are off by one": {func(l []string) []string { l[99] = "0 34 v99"; return l }, `"0 33 v99" was not copied`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(input, c.plant(right()), true); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
