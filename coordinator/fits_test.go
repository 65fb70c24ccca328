package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// What the journal cannot take is never given to it: it would be lost, and the load
// that follows would lead to the same again.

// told counts the events of a kind.
func (w *patternWorld) told(kind EventKind) int {
	n := 0
	for _, e := range w.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// TestPatternTooLarge: who asks for more topics than a record holds is told so.
func TestPatternTooLarge(t *testing.T) {
	t.Parallel()
	w := newPatternWorld(t, 1000)
	w.record = 900 * (nameBytes + len("topic-00000"))
	if r := w.join("a", "topic-.*"); r.ErrorCode != 0 || len(r.Assignment.Topics) != 0 { // what it stands for may take long to find
		t.Fatal(beatText(r))
	}
	for range 3 {
		if r := w.join("a", "topic-.*"); r.ErrorCode != int16(protocol.GroupMaxSizeReached) || !strings.Contains(deref(r.ErrorMessage), "1000 topics") {
			t.Fatal(beatText(r))
		}
	}
	if w.regexes != 0 || w.largest > w.record || w.told(PatternRefused) != 1 {
		t.Errorf("%d lists, the largest record has %d bytes, told %d times", w.regexes, w.largest, w.told(PatternRefused))
	}
	if r := w.join("b", "topic-000.*"); r.ErrorCode != 0 || len(r.Assignment.Topics) != 100 {
		t.Errorf("another member by a narrower one: %s", beatText(r))
	}
	if r := w.join("a", "topic-00[01].*"); r.ErrorCode != 0 {
		t.Errorf("the same member by a narrower one: %s", beatText(r))
	}
	// Topics that go make it fit, and who comes then is let in.
	for i := range 200 {
		delete(w.topics, fmt.Sprintf("topic-%05d", i))
	}
	w.version++
	if r := w.join("c", "topic-.*"); r.ErrorCode != 0 || len(w.consumer().regexes["topic-.*"].topics) != 800 {
		t.Errorf("when it fits: %s", beatText(r))
	}
}

// TestPatternGrowsTooLarge: members at work keep the topics that their pattern stood
// for when too many others are created.
func TestPatternGrowsTooLarge(t *testing.T) {
	t.Parallel()
	w := newPatternWorld(t, 500)
	w.record = 900 * (nameBytes + len("topic-00000"))
	w.join("a", "topic-.*")
	var names []string
	for i := range 500 {
		names = append(names, w.create(500+i))
	}
	w.groups.TopicsChanged(names)
	w.clock.Advance(patternPause)
	if n := len(w.consumer().regexes["topic-.*"].topics); n != 500 || w.told(PatternRefused) != 1 || w.largest > w.record {
		t.Errorf("%d topics, told %d times, the largest record has %d bytes", n, w.told(PatternRefused), w.largest)
	}
	if r := w.join("a", "topic-.*"); r.ErrorCode != 0 {
		t.Error(beatText(r))
	}
}

// TestAssignmentTooLarge: more partitions than one member's record holds are dealt out
// when there are members enough.
func TestAssignmentTooLarge(t *testing.T) {
	t.Parallel()
	const topics, partitions = 100, 100
	w := newPatternWorld(t, topics)
	for name, topic := range w.topics {
		topic.Partitions = partitions
		w.topics[name] = topic
	}
	w.record = topics * partitions * 2 // of the 4 bytes that each takes
	for i, id := range []string{"a", "b", "c"} {
		if r := w.join(id, "topic-.*"); r.ErrorCode != 0 {
			t.Fatal(beatText(r))
		}
		w.clock.Advance(time.Second) // the pace of assignments
		refused := min(i+1, 2)       // a half is more than fits yet
		if w.told(AssignmentRefused) != refused || (w.consumer().assignmentEpoch == w.consumer().epoch) != (i == 2) {
			t.Errorf("%d members: told %d times, assigned %d of %d", i+1, w.told(AssignmentRefused), w.consumer().assignmentEpoch, w.consumer().epoch)
		}
		w.join(id, "topic-.*") // again for the same epoch
	}
	if n := w.consumer().targets["a"].count(); n < topics*partitions/3 || w.largest > w.record || w.told(AssignmentRefused) != 2 {
		t.Errorf("%d partitions, the largest record has %d bytes, told %d times", n, w.largest, w.told(AssignmentRefused))
	}
}

// TestRewindTooLarge: so many partitions at a time as a record holds.
func TestRewindTooLarge(t *testing.T) {
	t.Parallel()
	m, turn := broadcastMachine(t, 1, 1000, 1)
	cell := m.facades["g"].sorted()[0]
	marks := make([]TopicMarks, 1000)
	for i := range marks {
		marks[i] = TopicMarks{Topic: fmt.Sprint("t", i), Partitions: make([]PartitionMark, 1)}
	}
	for n, want := range map[int]protocol.ErrorCode{1000: protocol.InvalidRequest, 100: protocol.NoError} {
		s := turn()
		config := *s.config
		config.RecordBytesMax = 1000 * 16
		s.config = &config
		req := RewindRequest{Group: cell.id, ID: "r", Marks: marks[:n]}
		code := protocol.NoError
		if refused := m.rewindTo(s, &req); refused != nil {
			code = refused.Code
		}
		if code != want || (len(s.Records()) == 0) != (want != protocol.NoError) {
			t.Errorf("%d partitions: %s, %d records", n, code, len(s.Records()))
		}
		m.apply(s)
	}
}
