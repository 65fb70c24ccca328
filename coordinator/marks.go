package coordinator

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// That a group is in broadcast mode follows from its rule, but not that it was: a
// mark says so, from when somebody is in a cell until the group has the offsets of
// its slowest member. So a switch back that a crash cut short is found by the load
// after it, also where nobody is left in a cell.
//
// Groups of before there were marks get theirs when they are next looked at.

// marks are the bases with a mark. They are durable: replay changes them.
type marks map[string]struct{}

const markValueVersion = 0

func markKey(base string) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 5+len(base)), ownKeyVersion)
	return appendPlainString(append(b, ownBroadcast), base)
}

func markRecord(base string) Record { return Record{Key: markKey(base), Value: append(valueOf(1), 0)} }

// replayMark applies the value of a mark, nil: its tombstone.
func (m *machine) replayMark(base string, value []byte) error {
	if value == nil {
		delete(m.marks, base)
		return nil
	}
	if err := checkVersion(value, markValueVersion); err != nil {
		return fmt.Errorf("broadcast mark of group %q: %w", base, err)
	}
	c := shard.Cursor{Rest: value[2:], Flexible: true}
	if c.Tags(nil); c.Bad {
		return fmt.Errorf("%w: a broadcast mark of %d bytes is cut or lies", errRecord, len(value))
	}
	if m.marks == nil {
		m.marks = marks{}
	}
	m.marks[base] = struct{}{}
	return nil
}

func (m *machine) marked(base string) bool {
	_, ok := m.marks[base]
	return ok
}

// mark notes that a group is in broadcast mode.
func (m *machine) mark(s *step, base string) {
	if !m.marked(base) {
		s.record(markRecord(base))
		m.apply(s)
	}
}

// unmark notes that nothing is left to be done about a group's broadcast.
func (m *machine) unmark(s *step, base string) {
	if m.marked(base) {
		s.record(Record{Key: markKey(base)})
	}
}

// sweepMarks removes the marks of groups that have no cells any more.
func (m *machine) sweepMarks(s *step) {
	for _, base := range slices.Sorted(maps.Keys(m.marks)) {
		if m.facades[base] == nil {
			m.unmark(s, base)
			s.cut()
		}
	}
}
