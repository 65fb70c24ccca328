package txn

import (
	"slices"
	"strings"
	"testing"
)

// TestJudge plants what a broker could do wrong, and wants each found.
func TestJudge(t *testing.T) {
	l := &ledger{partitions: 2}
	l.add(0, "a", 2, true)
	l.add(0, "b", 1, false)
	l.add(1, "c", 1, true)
	l.add(0, "d", 1, true)
	right := []record{
		at(0, 0, "a.0"), at(1, 0, "c.0"), at(0, 1, "a.1"), at(0, 5, "d.0"), at(0, 7, end), at(1, 2, end),
	}
	all := slices.Insert(slices.Clone(right), 3, at(0, 3, "b.0"))
	change := func(i int, rs ...record) []record { return slices.Replace(slices.Clone(right), i, i+1, rs...) }
	for _, c := range []struct {
		name      string
		got       []record
		committed bool
		want      string
	}{
		{"right", right, true, ""},
		{"all, uncommitted", all, false, ""},
		{"an aborted record", all, true, "b.0 was aborted"},
		{"an aborted record is missing, uncommitted", right, false, "b.0 is not read"},
		{"half a transaction", change(2), true, "a.1 is not read"},
		{"a whole transaction is missing", change(3), true, "d.0 is not read"},
		{"a duplicate", change(3, at(0, 5, "d.0"), at(0, 6, "d.0")), true, "d.0 twice"},
		{"an offset twice", change(3, at(0, 5, "d.0"), at(0, 5, "d.0")), true, "offset 5 after 5"},
		{"swapped", []record{at(0, 0, "a.1"), at(0, 1, "a.0"), at(0, 5, "d.0"), at(0, 7, end), at(1, 0, "c.0"), at(1, 2, end)}, true, "not in order"},
		{"another partition's", change(4, at(0, 6, "c.0"), at(0, 7, end)), true, "never written here"},
		{"what nobody wrote", change(3, at(0, 5, "d.0"), at(0, 6, "x.0")), true, "never written here"},
		{"a partition that is not there", append(slices.Clone(right), at(2, 0, "a.0")), true, "partition 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := l.judge(c.got, c.committed)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("judge says %v, want %q", err, c.want)
			}
		})
	}
}

func at(partition int32, offset int64, value string) record {
	return record{Partition: partition, Offset: offset, Value: value}
}
