package groups

import (
	"strings"
	"testing"
)

// moved and got are lines of a member.
func moved(at int64, what string, generation int32, partitions ...int32) event {
	return event{At: at, Event: what, Generation: generation, Partitions: partitions}
}

func got(at int64, partition int32, offset int64) event {
	return event{At: at, Event: record, Partition: partition, Offset: offset, Value: value(partition, offset)}
}

func of(name string, events ...event) *member {
	return &member{name: name, id: name, events: events}
}

// TestOwners: what must not happen to partitions is seen.
func TestOwners(t *testing.T) {
	killed := of("a", moved(1, assigned, 1, 0))
	killed.end = 5
	static := of("b", moved(6, assigned, 1, 0))
	static.id = "a"
	for _, c := range []struct {
		name    string
		members []*member
		wrong   string // "": nothing
	}{
		{"handed over", []*member{of("a", moved(1, assigned, 1, 0), moved(2, revoked, 1, 0)), of("b", moved(3, assigned, 2, 0))}, ""},
		{"too early", []*member{of("a", moved(1, assigned, 1, 0), moved(3, revoked, 1, 0)), of("b", moved(2, assigned, 2, 0))}, "partition 0"},
		{"never given up", []*member{of("a", moved(1, assigned, 1, 7)), of("b", moved(2, assigned, 2, 7))}, "0: never"},
		{"leaves", []*member{of("a", moved(1, assigned, 1, 0), event{At: 2, Event: closing}), of("b", moved(3, assigned, 2, 0))}, ""},
		{"killed", []*member{killed, of("b", moved(6, assigned, 2, 0))}, ""},
		{"killed later", []*member{killed, of("b", moved(4, assigned, 2, 0))}, "partition 0"},
		{"one generation", []*member{
			of("a", moved(1, assigned, 1, 0), moved(2, revoked, 1, 0), moved(3, assigned, 2)), of("b", moved(3, assigned, 1, 0)),
		}, "in generation 1"},
		{"kept", []*member{
			of("a", moved(1, assigned, 1, 0, 1), moved(2, revoked, 1, 1), moved(3, assigned, 2)), of("b", moved(3, assigned, 2, 1)),
		}, ""},
		{"a static member again", []*member{killed, static}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := overlap(c.members)
			if err == nil {
				err = oneGeneration(c.members)
			}
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%v, want %q", err, c.wrong)
			}
		})
	}
}

// TestLedger: records that are missing, too many or not those that were written.
func TestLedger(t *testing.T) {
	a := of("a", got(1, 0, 0), got(2, 0, 1), got(3, 1, 0))
	b := of("b", got(4, 0, 1))
	from := []int64{0, 0}
	for _, c := range []struct {
		name           string
		to             []int64
		want           bounds
		missing, wrong bool
	}{
		{"all", []int64{1, 1}, exactly(1), false, false},
		{"one twice", []int64{2, 1}, exactly(1), false, true},
		{"at least once", []int64{2, 1}, atLeastOnce, false, false},
		{"one missing", []int64{1, 2}, exactly(1), true, false},
		{"from the mark on again", []int64{2, 0}, again(1), false, false},
		{"the mark was higher", []int64{2, 0}, again(2), false, true},
		{"the mark was lower", []int64{2, 0}, again(0), true, false},
	} {
		l, err := deliveries(2, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if missing, wrong := l.judge(from, c.to, c.want); (missing != nil) != c.missing || (wrong != nil) != c.wrong {
			t.Errorf("%s: missing %v, wrong %v", c.name, missing, wrong)
		}
	}
	for _, e := range []event{{At: 1, Event: record, Value: value(0, 1)}, {At: 1, Event: record, Partition: 2, Value: value(2, 0)}} {
		if _, err := deliveries(2, of("c", e)); err == nil {
			t.Errorf("%+v is taken", e)
		}
	}
}

// TestAhead: a commit must not be ahead of what was delivered, in time too.
func TestAhead(t *testing.T) {
	commit := func(at, offset int64) event {
		return event{At: at, Event: committed, Offsets: map[string]int64{"0": offset}}
	}
	for _, c := range []struct {
		name    string
		members []*member
		ok      bool
	}{
		{"behind", []*member{of("a", got(1, 0, 0), commit(2, 1))}, true},
		{"of another one's", []*member{of("a", got(1, 0, 0)), of("b", commit(2, 1))}, true},
		{"nothing", []*member{of("a", commit(2, 0))}, true},
		{"ahead", []*member{of("a", got(1, 0, 0), commit(2, 2))}, false},
		{"before", []*member{of("a", commit(1, 1), got(2, 0, 0))}, false},
	} {
		if err := ahead(1, c.members); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestPrefix: what an undone rewind may deliver again.
func TestPrefix(t *testing.T) {
	had := ledger{{1, 1, 1}}
	for _, c := range []struct {
		name string
		got  ledger
		ok   bool
	}{
		{"nothing", ledger{{1, 1, 1}}, true},
		{"some", ledger{{2, 2, 1}}, true},
		{"all", ledger{{2, 2, 2}}, false},
		{"not the first", ledger{{1, 2, 1}}, false},
		{"too often", ledger{{3, 1, 1}}, false},
	} {
		if err := prefix(had, c.got, 0, 3); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
