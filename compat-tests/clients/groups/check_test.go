package groups

import (
	"encoding/json"
	"fmt"
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

// TestStrayed: a record comes to who owns its partition at that time.
func TestStrayed(t *testing.T) {
	killed := of("a", moved(1, assigned, 1, 0), got(2, 0, 0))
	killed.end = 3
	for _, c := range []struct {
		name string
		m    *member
		ok   bool
	}{
		{"while it has it", of("a", moved(1, assigned, 1, 0), got(2, 0, 0)), true},
		{"before it is killed", killed, true},
		{"and again later", of("a", moved(1, assigned, 1, 0), moved(2, revoked, 1, 0), moved(3, assigned, 2, 0), got(4, 0, 0)), true},
		{"never", of("a", got(2, 0, 0)), false},
		{"too early", of("a", got(1, 0, 0), moved(2, assigned, 1, 0)), false},
		{"too late", of("a", moved(1, assigned, 1, 0), moved(2, revoked, 1, 0), got(3, 0, 0)), false},
		{"lost", of("a", moved(1, assigned, 1, 0), moved(2, lost, 1, 0), got(3, 0, 0)), false},
		{"on its way out", of("a", moved(1, assigned, 1, 0), event{At: 2, Event: closing}, got(3, 0, 0)), false},
		{"of another partition", of("a", moved(1, assigned, 1, 1), got(2, 0, 0)), false},
	} {
		if err := strayed([]*member{c.m}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestForgotten: nobody goes on below what was committed before.
func TestForgotten(t *testing.T) {
	taken := func(at, offset int64) event {
		return event{At: at, Event: committed, Offsets: map[string]int64{"0": offset}}
	}
	crashed := of("a", moved(1, assigned, 1, 0), got(2, 0, 0), got(3, 0, 1), taken(4, 1), taken(5, 2))
	crashed.end = 6
	for _, c := range []struct {
		name string
		next *member
		ok   bool
	}{
		{"goes on", of("b", moved(7, assigned, 2, 0), got(8, 0, 2)), true},
		{"leaves something out", of("b", moved(7, assigned, 2, 0), got(8, 0, 3)), true}, // others look at that
		{"of another partition", of("b", moved(7, assigned, 2, 1), got(8, 1, 0)), true},
		{"what was not yet committed", of("b", moved(5, assigned, 2, 0), got(8, 0, 1)), true},
		{"one record again", of("b", moved(7, assigned, 2, 0), got(8, 0, 1)), false},
		{"from the start", of("b", moved(7, assigned, 2, 0), got(8, 0, 0)), false},
		{"goes on and then back", of("b", moved(7, assigned, 2, 0), got(8, 0, 2), got(9, 0, 1)), false},
		{"of its own", of("b", moved(7, assigned, 2, 0), got(8, 0, 2), taken(9, 3), moved(10, revoked, 2, 0), moved(11, assigned, 3, 0), got(12, 0, 2)), false},
	} {
		if err := forgotten(2, []*member{crashed, c.next}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestDeliveredBy: what two rewinds deliver again, each from its mark to where the
// group was.
func TestDeliveredBy(t *testing.T) {
	rewound := func(to, before int64) (s status) {
		if err := json.Unmarshal(fmt.Appendf(nil, `{"partitions":[{"topic":"t","partition":0,"before":%d,"to":%d}]}`, before, to), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := rewound(1, 3), rewound(2, 5)
	for _, c := range []struct {
		name           string
		got            []int
		repeats        bool
		missing, wrong bool
	}{
		{"as it must be", []int{1, 2, 3, 2, 2, 1}, false, false, false},
		{"leaps to where it was", []int{1, 2, 2, 1, 1, 1}, false, true, false},
		{"one of those between is missing", []int{1, 2, 3, 1, 2, 1}, false, true, false},
		{"one from behind its place again", []int{1, 2, 3, 2, 2, 2}, false, false, true},
		{"one from before the mark again", []int{2, 2, 3, 2, 2, 1}, false, false, true},
		{"too often", []int{1, 2, 3, 3, 2, 1}, false, false, true},
		{"repeats what was not committed", []int{1, 2, 3, 3, 2, 2}, true, false, false},
		{"repeats what was", []int{1, 2, 4, 2, 2, 1}, true, false, true},
		{"leaves out what it may repeat", []int{1, 2, 3, 1, 2, 1}, true, true, false},
	} {
		missing, wrong := ledger{c.got}.judge([]int64{0}, []int64{6}, deliveredBy(c.repeats, one, two))
		if (missing != nil) != c.missing || (wrong != nil) != c.wrong {
			t.Errorf("%s: missing %v, wrong %v", c.name, missing, wrong)
		}
	}
	for _, c := range []struct {
		name                    string
		topic                   string
		mark, behind, committed int64
		ok                      bool
	}{
		{"as it must be", "t", 1, 4, 2, true},
		{"another topic", "u", 1, 4, 2, false},
		{"another mark", "t", 2, 4, 2, false},
		{"from before what was committed", "t", 1, 5, 4, false},
		{"from behind the end", "t", 1, 2, 1, false},
	} {
		err := one.place(c.topic, []int64{c.mark}, []int64{c.committed}, []int64{c.behind})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if (status{}).place("t", []int64{1}, []int64{0}, []int64{9}) == nil {
		t.Error("no partitions are taken")
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
