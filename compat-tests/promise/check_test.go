package promise

import (
	"errors"
	"slices"
	"testing"
)

const (
	testRecords = 1000 // of each partition
	testValue   = 1000
	testKeep    = 400_000
)

// filled is a ledger of two partitions, and readings of all that was
// acknowledged.
func filled(t *testing.T, opts ...Option) (*Ledger, []reading, []int64) {
	t.Helper()
	l := New(2, append(opts, ValueSize(testValue))...)
	got := []reading{{end: testRecords}, {end: testRecords}}
	for p := range got {
		for offset := range int64(testRecords) {
			n := number{uint16(offset % 3), offset}
			if err := errors.Join(l.ack(int32(p), offset, n), l.saw(int32(p), offset, n)); err != nil {
				t.Fatal(err)
			}
			got[p].records = append(got[p].records, record{offset, n})
		}
		l.tryCommit(int32(p), testRecords)
		l.ackCommit(int32(p), testRecords)
	}
	return l, got, []int64{testRecords, testRecords}
}

// Whatever part of the log a reading shows, it is taken, and all that can be
// wrong with it is found.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		what   string
		retain bool
		read   func(r *reading)
	}{
		{"all", false, func(*reading) {}},
		{"all, although retention might take some", true, func(*reading) {}},
		{"what is new", false, func(r *reading) { r.from, r.records = 700, r.records[700:] }},
		{"what retention left", true, func(r *reading) { r.from, r.start, r.records = 600, 600, r.records[600:] }},
		{"what retention left of what is new", true, func(r *reading) { r.from, r.start, r.records = 300, 600, r.records[600:] }},
		{"retention overtakes once", true, func(r *reading) { r.start, r.records = 400, slices.Delete(r.records, 100, 400) }},
		{"retention overtakes more than once", true, func(r *reading) {
			r.start, r.records = 600, slices.Delete(slices.Delete(r.records, 450, 600), 100, 400)
		}},
		{"retention is behind the reading", true, func(r *reading) { r.start = 400 }},
	} {
		t.Run(c.what, func(t *testing.T) {
			var opts []Option
			if c.retain {
				opts = append(opts, Retention(testKeep))
			}
			l, got, commits := filled(t, opts...)
			for p := range got {
				c.read(&got[p])
			}
			if err := errors.Join(l.check(got), l.checkCommits(commits)); err != nil {
				t.Errorf("an honest reading: %v", err)
			}
			for _, p := range plants() {
				if altered, commits := p.altered(got, commits); errors.Join(l.check(altered), l.checkCommits(commits)) == nil {
					t.Errorf("not seen: %s", p.what)
				}
			}
		})
	}
}

// What retention may have taken is only what lies in front, and only what is
// too many.
func TestCheckRetention(t *testing.T) {
	for _, c := range []struct {
		what string
		read func(r *reading)
	}{
		{"some are lost behind the start", func(r *reading) { r.records = slices.Delete(r.records, 500, 510) }},
		{"some are lost behind the start that rose", func(r *reading) { r.start, r.records = 400, slices.Delete(r.records, 500, 510) }},
		{"the first are lost, and the start is not above them", func(r *reading) { r.records = r.records[10:] }},
		{"more went than may", func(r *reading) { r.start, r.records = 700, r.records[700:] }},
		{"all went", func(r *reading) { r.start, r.records = testRecords, nil }},
		{"one that went since shows another's value", func(r *reading) { r.start, r.records[10].number = 400, number{9, 9} }},
	} {
		l, got, _ := filled(t, Retention(testKeep))
		c.read(&got[1])
		if l.check(got) == nil {
			t.Errorf("not seen: %s", c.what)
		}
	}
}

// Two answers for one offset contradict each other at once.
func TestLedgerContradicted(t *testing.T) {
	l, _, _ := filled(t)
	if l.ack(0, 5, number{7, 7}) == nil || l.saw(0, 5, number{7, 7}) == nil {
		t.Error("two values of one offset are taken")
	}
}
