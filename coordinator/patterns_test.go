package coordinator

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// patternWorld is a coordinator of one shard with many topics, whose records are
// counted.
type patternWorld struct {
	groups  *Groups
	clock   *clock.Manual
	topics  map[string]Topic
	version int64
	regexes int // records of what patterns stand for
	records int
	bytes   int
	most    int // of a group's bytes; 0: the default
	record  int // the largest in bytes; 0: the default
	largest int // of the records, in bytes
	events  []Event
}

// patternView finds topics by a map: there are many.
type patternView struct {
	testView
	w       *patternWorld
	version int64
}

func (v patternView) Version() int64 { return v.version }

func (v patternView) Topic(name string) (Topic, bool) {
	t, ok := v.w.topics[name]
	return t, ok
}

func (v patternView) TopicByID(id model.TopicID) (Topic, bool) {
	return v.Topic(fmt.Sprintf("topic-%05d", binary.BigEndian.Uint32(id[1:])))
}

func (v patternView) Topics(yield func(Topic) bool) {
	for _, t := range v.w.topics {
		if !yield(t) {
			return
		}
	}
}

func newPatternWorld(t *testing.T, topics int) *patternWorld {
	t.Helper()
	w := &patternWorld{clock: clock.NewManual(time.UnixMilli(1)), topics: map[string]Topic{}}
	for i := range topics {
		w.create(i)
	}
	config := DefaultConfig()
	config.Shards = 1
	journal := &shard.Memory{OnAppend: func(records []Record) {
		for _, r := range records {
			w.records++
			w.bytes += r.Size()
			w.largest = max(w.largest, r.Size())
			if binary.BigEndian.Uint16(r.Key) == regexKey {
				w.regexes++
			}
		}
	}}
	rules := func() Config {
		now := config
		if w.most > 0 {
			now.GroupBytesMax = w.most
		}
		if w.record > 0 {
			now.RecordBytesMax = w.record
		}
		return now
	}
	w.groups = loadedShard(t, rules, Env{
		Clock: w.clock, Journals: func(int32) Journal { return journal },
		View:   func() View { return patternView{w: w, version: w.version} },
		Events: func(e Event) { w.events = append(w.events, e) },
	})
	return w
}

func (w *patternWorld) create(i int) string {
	name := fmt.Sprintf("topic-%05d", i)
	id := model.TopicID{1}
	binary.BigEndian.PutUint32(id[1:], uint32(i))
	w.topics[name] = Topic{Name: name, ID: id, Partitions: 1}
	w.version++
	return name
}

func (w *patternWorld) join(member, regex string) *kmsg.ConsumerGroupHeartbeatResponse {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.RebalanceTimeoutMillis = 1, "g", member, 30_000
	req.SubscribedTopicRegex, req.Topics = &regex, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	var resp *kmsg.ConsumerGroupHeartbeatResponse
	w.groups.ConsumerHeartbeat(req, Caller{ClientID: "c"}, func(r *kmsg.ConsumerGroupHeartbeatResponse) { resp = r })
	return resp
}

func (w *patternWorld) consumer() *consumerGroup {
	return w.groups.machine(0).groups["g"].consumer
}

// TestTopicStorm: a thousand topics that are created one by one are seen together;
// the first after a quiet time is seen at once, and none is forgotten.
func TestTopicStorm(t *testing.T) {
	t.Parallel()
	const before, storm = 100, 1000
	w := newPatternWorld(t, before)
	w.join("a", "topic-.*")
	w.regexes, w.records, w.bytes = 0, 0, 0
	seen := func() int { return len(w.consumer().regexes["topic-.*"].topics) }
	for i := range storm {
		w.groups.TopicsChanged([]string{w.create(before + i)})
		if i == 0 && (seen() != before+1 || w.consumer().targets["a"].count() != before+1) {
			t.Errorf("%d topics after the first one, %d partitions", seen(), w.consumer().targets["a"].count())
		}
		w.clock.Advance(20 * time.Millisecond)
	}
	w.clock.Advance(patternPause)
	if seen() != before+storm || w.consumer().targets["a"].count() != before+storm {
		t.Errorf("%d topics, %d partitions", seen(), w.consumer().targets["a"].count())
	}
	if w.regexes > 4 || w.records > 20 || w.bytes > 250*(before+storm) {
		t.Errorf("%d lists in %d records of %d bytes", w.regexes, w.records, w.bytes)
	}
	t.Logf("%d lists in %d records of %d bytes", w.regexes, w.records, w.bytes)
	w.clock.Advance(patternPause)
	w.groups.TopicsChanged([]string{w.create(before + storm)})
	if seen() != before+storm+1 {
		t.Error("a topic after a quiet time has to wait")
	}
	w.join("a", "topic-.*") // it is heard of
	other := w.records
	w.topics["other"] = Topic{Name: "other", ID: model.TopicID{9}, Partitions: 1}
	w.groups.TopicsChanged([]string{"other"})
	w.clock.Advance(patternPause)
	if w.records != other {
		t.Error("a topic that no pattern is about writes something")
	}
}

// TestPatternsMany: a group has so many patterns and no more.
func TestPatternsMany(t *testing.T) {
	t.Parallel()
	w := newPatternWorld(t, 1)
	for i := range patternsMax {
		if r := w.join(fmt.Sprint("m", i), fmt.Sprintf("topic-.*|n%d", i)); r.ErrorCode != 0 {
			t.Fatal(beatText(r))
		}
	}
	records := w.records
	r := w.join("more", "more")
	if r.ErrorCode != int16(protocol.GroupMaxSizeReached) || !strings.Contains(deref(r.ErrorMessage), "100 patterns") || w.records != records {
		t.Errorf("%s, %d records", beatText(r), w.records-records)
	}
	if r := w.join("more", "topic-.*|n7"); r.ErrorCode != 0 {
		t.Errorf("one that is in use: %s", beatText(r))
	}
	if r := w.join("m1", "another"); r.ErrorCode != 0 {
		t.Errorf("one in the place of another: %s", beatText(r))
	}
	c := w.consumer()
	if len(c.regexes) != patternsMax || len(c.soft.patterns.compiled) > patternsMax {
		t.Errorf("%d patterns, %d ready", len(c.regexes), len(c.soft.patterns.compiled))
	}
}

// TestPatternsShared: what patterns stand for is kept once, in the metadata's
// strings, and counts.
func TestPatternsShared(t *testing.T) {
	t.Parallel()
	const topics = 1000
	w := newPatternWorld(t, topics)
	for i := range 10 {
		w.join(fmt.Sprint("m", i), fmt.Sprintf("topic-.*|n%d", i))
	}
	c := w.consumer()
	first := c.regexes["topic-.*|n0"].topics
	for regex, r := range c.regexes {
		if unsafe.SliceData(r.topics) != unsafe.SliceData(first) {
			t.Errorf("%s has a list of its own", regex)
		}
	}
	if unsafe.StringData(first[3]) != unsafe.StringData(w.topics[first[3]].Name) {
		t.Error("the names are copies")
	}
	list := topics * (nameBytes + len("topic-00000"))
	if n := c.index.matched; n != 10*list {
		t.Errorf("%d bytes count", n)
	}
	for i := range 10 {
		leave := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		leave.Version, leave.Group, leave.MemberID, leave.MemberEpoch = 1, "g", fmt.Sprint("m", i), epochLeave
		w.groups.ConsumerHeartbeat(leave, Caller{}, func(*kmsg.ConsumerGroupHeartbeatResponse) {})
	}
	if len(c.index.matches) != 0 || c.index.matched != 0 || c.index.bytes != 0 {
		t.Errorf("%d lists, %d and %d bytes are left", len(c.index.matches), c.index.matched, c.index.bytes)
	}
}

// TestPatternsRoom: a group whose patterns stand for too much takes no new one. It
// takes members that use those it has, also when topics were created since, and those
// that give up what is large.
func TestPatternsRoom(t *testing.T) {
	t.Parallel()
	w := newPatternWorld(t, 1000)
	if r := w.join("a", "topic-.*"); r.ErrorCode != 0 {
		t.Fatal(beatText(r))
	}
	w.most = w.consumer().index.matched - 1
	for _, tc := range []struct {
		member, regex string
		code          protocol.ErrorCode
	}{
		{"b", "topic-.*", protocol.NoError},
		{"c", "topic-0.*", protocol.GroupMaxSizeReached},
		{"b", "topic-0.*", protocol.GroupMaxSizeReached}, // the other one stays in use
		{"d", "topic-.*", protocol.NoError},
	} {
		if r := w.join(tc.member, tc.regex); r.ErrorCode != int16(tc.code) {
			t.Errorf("%s by %s: %s", tc.member, tc.regex, beatText(r))
		}
	}
	alone := newPatternWorld(t, 1000)
	alone.join("a", "topic-.*")
	alone.most = alone.consumer().index.matched - 1
	if r := alone.join("a", "topic-00.*"); r.ErrorCode != 0 {
		t.Errorf("one who gives up the large one: %s", beatText(r))
	}
}

// TestPatternsInParts: patterns that take long are tried a part at a time, with
// pauses; then the members have their topics, those too that came meanwhile.
func TestPatternsInParts(t *testing.T) {
	t.Parallel()
	const topics = 1000
	w := newPatternWorld(t, topics)
	hard := "topic-[0-9]*|(?:x?){500}"
	if r := w.join("a", hard); r.ErrorCode != 0 || r.MemberEpoch != 1 || len(r.Assignment.Topics) != 0 {
		t.Fatal(beatText(r))
	}
	soft := &w.consumer().soft.patterns
	turns := 0
	for at := 0; soft.search != nil; turns++ {
		if turns == 3 {
			w.groups.TopicsChanged([]string{w.create(topics)})
		}
		if soft.search.at-at > topics/4 {
			t.Fatalf("%d topics in one turn", soft.search.at-at)
		}
		at = soft.search.at
		if w.join("a", hard); soft.search.at != at { // asking does not make it faster
			t.Fatal("a heartbeat went on with it")
		}
		w.clock.Advance(300 * time.Millisecond)
	}
	if turns < 5 {
		t.Errorf("it took %d turns", turns)
	}
	names := w.consumer().regexes[hard].topics
	if len(names) != topics+1 || !slices.IsSorted(names) || w.consumer().targets["a"].count() != topics+1 {
		t.Errorf("%d topics at the end, %d partitions", len(names), w.consumer().targets["a"].count())
	}
}
