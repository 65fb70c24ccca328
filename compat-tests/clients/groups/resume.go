package groups

import (
	"fmt"
	"slices"
	"strconv"
)

// strayed finds a record that a member got of a partition that it did not own.
func strayed(members []*member) error {
	for _, m := range members {
		spans := m.spans()
		for _, e := range m.seen() {
			if e.Event != record {
				continue
			}
			if !slices.ContainsFunc(spans, func(s span) bool {
				return s.partition == e.Partition && s.from <= e.At && (s.to == 0 || e.At <= s.to)
			}) {
				return fmt.Errorf("member %s got offset %d of partition %d at %.3f, and did not own it", m.name, e.Offset, e.Partition, seconds(e.At))
			}
		}
	}
	return nil
}

// commit is an offset and when its member knew that the broker has it.
type commit struct{ at, offset int64 }

// commits are those of a partition.
type commits []commit

// before is the highest offset that was committed before a time; 0: none.
func (c commits) before(at int64) (highest int64) {
	for _, one := range c {
		if one.at < at {
			highest = max(highest, one.offset)
		}
	}
	return highest
}

// committedBy collects the commits of all members, by partition.
func committedBy(partitions int32, members []*member) ([]commits, error) {
	all := make([]commits, partitions)
	for _, m := range members {
		for _, e := range m.seen() {
			if e.Event != committed {
				continue
			}
			for name, offset := range e.Offsets {
				p, err := strconv.Atoi(name)
				if err != nil || p >= len(all) {
					return nil, fmt.Errorf("member %s committed in partition %q", m.name, name)
				}
				all[p] = append(all[p], commit{e.At, offset})
			}
		}
	}
	return all, nil
}

// forgotten finds a member that went on below what was committed before it got
// its partition: a crash costs the commits of a moment and not more. It is not for
// groups that were rewound.
func forgotten(partitions int32, members []*member) error {
	all, err := committedBy(partitions, members)
	if err != nil {
		return err
	}
	for _, m := range members {
		floors := make([]int64, partitions)
		for _, e := range m.seen() {
			switch e.Event {
			case assigned:
				for _, p := range e.Partitions {
					floors[p] = all[p].before(e.At)
				}
			case record:
				if floor := floors[e.Partition]; e.Offset < floor {
					return fmt.Errorf("member %s got offset %d of partition %d at %.3f, and %d was committed before it got the partition",
						m.name, e.Offset, e.Partition, seconds(e.At), floor)
				}
			}
		}
	}
	return nil
}
