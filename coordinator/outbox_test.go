package coordinator

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
	journal *memoryJournal
	outbox  *outbox
	limit   int
	lines   []string
}

func newOutboxTest(t *testing.T, limit int) *outboxTest {
	t.Helper()
	o := &outboxTest{t: t, limit: limit, journal: &memoryJournal{}}
	o.journal.mu.hold = true
	o.journal.onAppend = func(records []Record) {
		var keys []string
		for _, r := range records {
			keys = append(keys, string(r.Key))
		}
		o.lines = append(o.lines, "append "+strings.Join(keys, " "))
	}
	o.outbox = newOutbox(o.journal, func() { o.outbox.flush(o.limit) }, func(_ error, answers []answer) {
		o.lines = append(o.lines, "lost")
		deliver(answers, protocol.CoordinatorLoadInProgress)
	})
	return o
}

// step adds a step with records of these keys, and an answer of the name.
func (o *outboxTest) step(name string, keys ...string) {
	var records []Record
	for _, key := range keys {
		records = append(records, Record{Key: []byte(key)})
	}
	o.outbox.add(records, []answer{func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			name += "!"
		}
		o.lines = append(o.lines, name)
	}}, o.limit)
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
	o.journal.release(1)
	o.want("one", "append 2 3 4")
	o.journal.release(1) // the barrier
	o.want("saw one")
	o.step("five", "5")
	o.journal.release(1)
	o.want("two", "saw two", "three and four", "saw all", "append 5")
	o.journal.release(1)
	o.want("five")
	o.step("six", "6")
	o.journal.release(-1)
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
	o.journal.release(1)
	o.want("small", "append hh ii")
	o.journal.release(1)
	o.want("append jj")
	o.journal.release(1)
	o.want("append longer")
	o.journal.release(2)
	o.want() // k does not fill an append
	o.step("one more", "l")
	o.journal.release(1)
	o.want("large")
	o.journal.release(1)
	o.want("append k l")
	o.journal.release(1)
	o.want("larger than an append", "one more")
	if o.outbox.records != nil || o.outbox.size != 0 || len(o.outbox.answers) != 0 || o.outbox.mu.flights != 0 {
		t.Errorf("left: %d records of %d bytes, %d answers, %d flights",
			len(o.outbox.records), o.outbox.size, len(o.outbox.answers), o.outbox.mu.flights)
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
	o.journal.lose()
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
	o.outbox.add(records, nil, o.limit)
	for i := range records {
		if sent := i < flightsMax; sent != (records[i].Key == nil) {
			t.Errorf("record %d: key %q", i, records[i].Key)
		}
	}
}
