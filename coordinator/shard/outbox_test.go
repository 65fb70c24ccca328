package shard

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/protocol"
)

// outboxTest is an outbox over a slow journal. It writes down what reaches the
// journal and what leaves, in order.
type outboxTest struct {
	t       *testing.T
	journal *Memory
	outbox  *outbox
	lines   []string
}

func newOutboxTest(t *testing.T, limit int) *outboxTest {
	t.Helper()
	o := &outboxTest{t: t, journal: &Memory{}}
	o.journal.Set(func(s *MemoryState) { s.Hold = true })
	o.journal.OnAppend = func(records []Record) {
		var keys []string
		for _, r := range records {
			keys = append(keys, string(r.Key))
		}
		o.lines = append(o.lines, "append "+strings.Join(keys, " "))
	}
	o.outbox = newOutbox(o.journal, func() Sizes { return Sizes{limit, 32 * limit} }, func() { o.outbox.flush() }, func(_ error, answers []Answer) {
		o.lines = append(o.lines, "lost")
		deliver(answers, protocol.CoordinatorLoadInProgress)
	})
	return o
}

// step adds a step with records of these keys, and an answer of the name. What
// ends with + stands or falls with the record behind it.
func (o *outboxTest) step(name string, keys ...string) {
	var records []Record
	var cuts []int
	for i, key := range keys {
		records = append(records, Record{Key: []byte(key)})
		if !strings.HasSuffix(key, "+") {
			cuts = append(cuts, i+1)
		}
	}
	o.outbox.add(records, cuts, []Answer{func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			name += "!"
		}
		o.lines = append(o.lines, name)
	}})
}

func (o *outboxTest) want(lines ...string) {
	o.t.Helper()
	if !slices.Equal(o.lines, lines) {
		o.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(o.lines, "\n  "), strings.Join(lines, "\n  "))
	}
	o.lines = nil
}

// TestOutboxHolds: the records of many steps make two appends, and reads wait
// for what they saw and for no more.
func TestOutboxHolds(t *testing.T) {
	t.Parallel()
	o := newOutboxTest(t, 1000)
	o.step("nothing before")
	o.want("nothing before")
	o.step("one", "1")
	o.step("saw one")
	o.step("two", "2")
	o.step("saw two")
	o.step("three and four", "3", "4")
	o.step("saw all")
	o.want("append 1")
	o.journal.Release(1)
	o.want("one", "append 2 3 4")
	o.journal.Release(1) // the barrier
	o.want("saw one")
	o.step("five", "5")
	o.journal.Release(1)
	o.want("two", "saw two", "three and four", "saw all", "append 5")
	o.journal.Release(1)
	o.want("five")
	o.step("six", "6")
	o.journal.Release(-1)
	o.want("append 6", "six")
}

// TestOutboxSendsFullBatches: what fills an append does not wait for others, up
// to a number; what does not waits until none is under way. An answer leaves
// with the last record of its step.
func TestOutboxSendsFullBatches(t *testing.T) {
	t.Parallel()
	o := newOutboxTest(t, 4)
	o.step("small", "a")
	o.step("large", "bb", "cc", "dd", "ee", "ff", "gg", "hh", "ii", "jj")
	o.step("larger than an append", "longer", "k")
	o.want("append a", "append bb cc", "append dd ee", "append ff gg")
	o.journal.Release(1)
	o.want("small", "append hh ii")
	o.journal.Release(1)
	o.want("append jj")
	o.journal.Release(1)
	o.want("append longer")
	o.journal.Release(2)
	o.want() // k does not fill an append
	o.step("one more", "l")
	o.journal.Release(1)
	o.want("large")
	o.journal.Release(1)
	o.want("append k l")
	o.journal.Release(1)
	o.want("larger than an append", "one more")
	if o.outbox.records != nil || o.outbox.size != 0 || len(o.outbox.answers) != 0 || o.outbox.mu.flights != 0 {
		t.Errorf("left: %d records of %d bytes, %d answers, %d flights",
			len(o.outbox.records), o.outbox.size, len(o.outbox.answers), o.outbox.mu.flights)
	}
}

// TestOutboxKeepsRequestsWhole: what belongs together goes as one append, even
// above the limit, unless it is very much above it.
func TestOutboxKeepsRequestsWhole(t *testing.T) {
	t.Parallel()
	o := newOutboxTest(t, 4)
	o.step("sent", "0")
	o.step("two requests", "a+", "b", "cc+", "dd")
	o.step("small ones", "e", "f+", "g")
	o.want("append 0", "append a+ b", "append cc+ dd", "append e f+ g")
	o.journal.Release(-1)
	o.want("sent", "two requests", "small ones")
	huge := strings.Repeat("h", 4*32/2)
	o.step("as large as can be", huge[1:]+"+", huge)
	o.want("append " + huge[1:] + "+ " + huge)
	o.step("larger", huge+"+", huge[1:]+"+", "i+", "j")
	o.want("append "+huge+"+", "append "+huge[1:]+"+ i+ j")
	o.journal.Release(-1)
	o.want("as large as can be", "larger")
	if o.outbox.records != nil || o.outbox.cuts != nil || o.outbox.size != 0 {
		t.Errorf("left: %d records of %d bytes, %d cuts", len(o.outbox.records), o.outbox.size, len(o.outbox.cuts))
	}
}

// TestOutboxLoses: after a loss nothing that is held goes out; its owner takes
// the answers.
func TestOutboxLoses(t *testing.T) {
	t.Parallel()
	o := newOutboxTest(t, 4)
	o.step("first", "aa", "bb")
	o.step("second", "cc", "dd")
	o.step("held", "e")
	o.step("saw it")
	o.want("append aa bb", "append cc dd")
	o.journal.Lose()
	o.want("lost", "first!", "lost", "second!")
	o.step("late", "f")
	deliver(o.outbox.discard(), protocol.NotCoordinator)
	o.want("held!", "saw it!", "late!")
}

// TestOutboxLetsGo: what was sent of a large step is not kept by the rest.
func TestOutboxLetsGo(t *testing.T) {
	t.Parallel()
	o := newOutboxTest(t, 4)
	records := make([]Record, 20)
	for i := range records {
		records[i].Key = fmt.Appendf(nil, "%04d", i)
	}
	cuts := make([]int, len(records))
	for i := range cuts {
		cuts[i] = i + 1
	}
	o.outbox.add(records, cuts, nil)
	for i := range records {
		if sent := i < flightsMax; sent != (records[i].Key == nil) {
			t.Errorf("record %d: key %q", i, records[i].Key)
		}
	}
}
