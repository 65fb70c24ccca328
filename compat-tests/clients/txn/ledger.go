package txn

import (
	"fmt"
	"slices"
)

// end is the last record of each partition that is read.
const end = "end"

// written is a record that a producer wrote, in the order of its partition.
type written struct {
	partition int32
	value     string
	committed bool
}

// ledger is what the producers of a scenario wrote to a topic.
type ledger struct {
	partitions int32
	records    []written
}

// add notes what send NAME N wrote, and whether its transaction is committed.
func (l *ledger) add(partition int32, name string, n int, committed bool) {
	for i := range n {
		l.records = append(l.records, written{partition, fmt.Sprintf("%s.%d", name, i), committed})
	}
}

// values are those of a partition, as they are to be read.
func (l *ledger) values(partition int32, committed bool) []string {
	var vs []string
	for _, r := range l.records {
		if r.partition == partition && (r.committed || !committed) {
			vs = append(vs, r.value)
		}
	}
	return append(vs, end)
}

// judge compares what was read with what was written: nothing else, nothing twice,
// nothing left out, in order, at offsets that rise.
func (l *ledger) judge(got []record, committed bool) error {
	for p := range l.partitions {
		var values []string
		last := int64(-1)
		for _, r := range got {
			if r.Partition != p {
				continue
			}
			if r.Offset <= last {
				return fmt.Errorf("partition %d: offset %d after %d", p, r.Offset, last)
			}
			last = r.Offset
			values = append(values, r.Value)
		}
		if err := l.compare(p, values, committed); err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
	}
	for _, r := range got {
		if r.Partition < 0 || r.Partition >= l.partitions {
			return fmt.Errorf("a record of partition %d", r.Partition)
		}
	}
	return nil
}

func (l *ledger) compare(partition int32, got []string, committed bool) error {
	want := l.values(partition, committed)
	if slices.Equal(want, got) {
		return nil
	}
	seen := map[string]bool{}
	for _, v := range got {
		switch {
		case seen[v]:
			return fmt.Errorf("%s twice", v)
		case !slices.Contains(want, v) && slices.Contains(l.values(partition, false), v):
			return fmt.Errorf("%s was aborted, and is read", v)
		case !slices.Contains(want, v):
			return fmt.Errorf("%s was never written here", v)
		}
		seen[v] = true
	}
	for _, v := range want {
		if !seen[v] {
			return fmt.Errorf("%s is not read", v)
		}
	}
	return fmt.Errorf("not in order: %v, want %v", got, want)
}
