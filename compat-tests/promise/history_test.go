package promise

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// tape plays what happened in a kill test of one group, "g", with a session
// timeout of 10 s, and collects what is found wrong.
type tape struct {
	h      *History
	now    time.Time
	found  error
	floors []int64
}

func newTape() *tape {
	t := &tape{h: NewHistory([]string{"g"}, 2, 10*time.Second), now: time.Unix(1000, 0)}
	t.h.Up(t.now)
	t.h.Loaded(t.now)
	t.produce(20, 20)
	return t
}

// produce has the partitions end at these offsets.
func (t *tape) produce(ends ...int64) {
	for p, end := range ends {
		t.h.Produced(int32(p), end, t.now)
	}
}

func (t *tape) note(err error) { t.found = errors.Join(t.found, err) }

func (t *tape) wait(d time.Duration) {
	t.now = t.now.Add(d)
	t.note(t.h.Stuck(t.now))
}

// read has a member read offsets [from, to) of a partition.
func (t *tape) read(partition int32, from, to int64) {
	for offset := from; offset < to; offset++ {
		t.note(t.h.Consumed("g", partition, offset))
	}
}

func (t *tape) commit(partition int32, offset int64) {
	t.h.Trying("g", partition, offset)
	t.h.Acknowledged("g", partition, offset, t.now)
}

// kill ends the broker, which stays away for a minute.
func (t *tape) kill() {
	t.h.Down(t.now)
	t.wait(time.Minute)
	t.floors = t.h.Floors()["g"]
	t.h.Up(t.now)
	t.h.Loaded(t.now)
}

func (t *tape) assigned(partition int32, at int64) {
	t.note(t.h.Resumed("g", partition, t.h.Floor("g", partition), at))
}

func (t *tape) committed(got ...int64) { t.note(t.h.Committed("g", t.floors, got)) }

func (t *tape) finish(ends ...int64) { t.note(t.h.Finished(ends)) }

// lived is a life of the broker as it should be: both partitions are read and
// committed to 10, and in the one behind it to 20.
func lived() *tape {
	t := newTape()
	for p := range int32(2) {
		t.assigned(p, 0)
		t.read(p, 0, 10)
		t.wait(time.Second)
		t.commit(p, 10)
	}
	t.kill()
	t.committed(10, 10)
	t.wait(2 * time.Second)
	for p := range int32(2) {
		t.assigned(p, 10)
		t.read(p, 10, 20)
		t.commit(p, 20)
	}
	return t
}

// What a broker may do is taken.
func TestHistoryHonest(t *testing.T) {
	for _, c := range []struct {
		what string
		play func(t *tape)
	}{
		{"all goes well", func(*tape) {}},
		{"read again what is not committed", func(t *tape) {
			t.read(0, 20, 30)
			t.kill()
			t.committed(20, 20)
			t.assigned(0, 20)
			t.read(0, 20, 30)
		}},
		{"a commit without an answer was taken", func(t *tape) {
			t.read(0, 20, 30)
			t.h.Trying("g", 0, 30)
			t.kill()
			t.committed(30, 20)
			t.assigned(0, 30)
		}},
		{"a commit without an answer was not taken", func(t *tape) {
			t.read(0, 20, 30)
			t.h.Trying("g", 0, 30)
			t.kill()
			t.committed(20, 20)
			t.assigned(0, 20)
		}},
		{"a late answer to an old commit", func(t *tape) { t.commit(0, 15) }},
		{"nothing is to be read for a while", func(t *tape) { t.wait(time.Minute) }},
		{"nothing is to be read, then something", func(t *tape) {
			t.wait(time.Minute)
			t.produce(21, 20)
			t.wait(9 * time.Second)
			t.read(0, 20, 21)
			t.commit(0, 21)
			t.wait(time.Minute)
		}},
		{"more comes than is read", func(t *tape) {
			for n := range int64(9) {
				t.produce(30+10*n, 20)
				t.wait(9 * time.Second)
				t.read(0, 20+n, 21+n)
				t.commit(0, 21+n)
			}
		}},
		{"short lives, and progress in some", func(t *tape) {
			t.produce(40, 20)
			for n := range int64(6) {
				t.wait(4 * time.Second)
				if n%2 == 0 {
					t.read(0, 20+n, 22+n)
					t.commit(0, 22+n)
				}
				t.kill()
			}
		}},
		{"away for longer than a session", func(t *tape) { t.kill(); t.wait(9 * time.Second) }},
		{"a group that never committed", func(t *tape) {
			t.h = NewHistory([]string{"g"}, 2, 10*time.Second)
			t.h.Up(t.now)
			t.kill()
			t.committed(none, none)
		}},
	} {
		got := lived()
		c.play(got)
		if got.found != nil {
			t.Errorf("%s: %v", c.what, got.found)
		}
	}
	whole := lived()
	whole.finish(20, 20)
	if whole.found != nil {
		t.Errorf("the end: %v", whole.found)
	}
}

// What it may not do is found.
func TestHistoryPlanted(t *testing.T) {
	for _, c := range []struct {
		what string
		play func(t *tape)
	}{
		{"a committed offset has gone back", func(t *tape) { t.kill(); t.committed(19, 20) }},
		{"that of the last partition has", func(t *tape) { t.kill(); t.committed(20, 10) }},
		{"a committed offset is lost", func(t *tape) { t.kill(); t.committed(none, 20) }},
		{"a committed offset ran ahead", func(t *tape) { t.kill(); t.committed(21, 20) }},
		{"a commit appears that nobody tried", func(t *tape) {
			t.h = NewHistory([]string{"g"}, 2, 10*time.Second)
			t.h.Up(t.now)
			t.kill()
			t.committed(0, none)
		}},
		{"a member resumes too early", func(t *tape) { t.kill(); t.assigned(1, 19) }},
		{"a member resumes at the start", func(t *tape) { t.kill(); t.assigned(1, 0) }},
		{"a record is left out", func(t *tape) { t.read(0, 21, 22) }},
		{"a member begins too late", func(t *tape) { t.kill(); t.assigned(0, 25); t.read(0, 25, 26) }},
		{"the group stands still", func(t *tape) { t.produce(21, 21); t.wait(10*time.Second + time.Millisecond) }},
		{"one partition stands still", func(t *tape) { // that of one of two members, say
			t.produce(40, 40)
			for n := range int64(6) {
				t.wait(2 * time.Second)
				t.read(0, 20+n, 21+n)
				t.commit(0, 21+n)
			}
		}},
		{"more comes for a partition that stands still", func(t *tape) {
			for n := range int64(6) {
				t.produce(20, 21+n)
				t.wait(2 * time.Second)
			}
		}},
		{"it stands still after a kill", func(t *tape) { t.produce(21, 20); t.kill(); t.wait(11 * time.Second) }},
		{"it stands still in three short lives", func(t *tape) {
			t.produce(21, 20)
			for range 3 {
				t.wait(4 * time.Second)
				t.kill()
			}
		}},
		{"it commits the same again and again", func(t *tape) {
			t.produce(21, 20)
			for range 6 {
				t.wait(2 * time.Second)
				t.commit(0, 20)
			}
		}},
		{"the last record is not consumed", func(t *tape) { t.finish(20, 21) }},
		{"a partition was never consumed", func(t *tape) { t.finish(20, 20, 1) }},
		{"what was consumed is not committed", func(t *tape) { t.read(0, 20, 21); t.finish(21, 20) }},
	} {
		got := lived()
		if c.what == "a partition was never consumed" {
			got.h.mu.groups["g"].parts = append(got.h.mu.groups["g"].parts, partHistory{acked: none, tried: none})
		}
		if got.found != nil {
			t.Fatalf("before: %v", got.found)
		}
		c.play(got)
		if got.found == nil {
			t.Errorf("not seen: %s", c.what)
		}
	}
}

// What a broker takes to load its groups is nobody's standing still, and what
// comes after that is.
func TestHistoryLoaded(t *testing.T) {
	got := lived()
	got.produce(21, 20)
	got.kill()
	got.h.Up(got.now)
	got.wait(30 * time.Second)
	got.h.Loaded(got.now)
	got.wait(9 * time.Second)
	if got.found != nil {
		t.Error(got.found)
	}
	got.read(0, 20, 21)
	got.commit(0, 21)
	if stood := got.h.Longest(); stood != 9*time.Second {
		t.Errorf("the longest stand is said to be %v", stood)
	}
	got.produce(22, 20)
	got.wait(11 * time.Second)
	if got.found == nil {
		t.Error("not seen: it stands still")
	}
}

// Who has made progress since the broker is back, and how soon.
func TestHistoryWoke(t *testing.T) {
	got := lived()
	if took, waiting := got.h.Woke(); len(took) != 1 || took[0] != 2*time.Second || waiting != 0 {
		t.Errorf("woke after %v, %d wait", took, waiting)
	}
	got.kill()
	if took, waiting := got.h.Woke(); len(took) != 0 || waiting != 1 {
		t.Errorf("after a kill: woke after %v, %d wait", took, waiting)
	}
}

// TestVerify: the broker's answer about what is committed is that of all groups.
func TestVerify(t *testing.T) {
	c := &Crowd{Groups: []string{"a", "b"}, partitions: 2, History: NewHistory([]string{"a", "b"}, 2, time.Second)}
	c.History.Trying("a", 0, 5)
	c.History.Acknowledged("a", 0, 5, time.Unix(1000, 0))
	of := func(group string, at int64) kadm.FetchOffsetsResponse {
		var offsets kadm.Offsets
		offsets.AddOffset(CrowdTopic, 0, at, -1)
		fetched := kadm.OffsetResponses{}
		fetched.Add(kadm.OffsetResponse{Offset: offsets[CrowdTopic][0]})
		return kadm.FetchOffsetsResponse{Group: group, Fetched: fetched}
	}
	none := kadm.FetchOffsetsResponse{Group: "b"}
	for _, tc := range []struct {
		what   string
		answer kadm.FetchOffsetsResponses
		ok     bool
	}{
		{"all is there", kadm.FetchOffsetsResponses{"a": of("a", 5), "b": none}, true},
		{"one has gone back", kadm.FetchOffsetsResponses{"a": of("a", 4), "b": none}, false},
		{"one ran ahead", kadm.FetchOffsetsResponses{"a": of("a", 5), "b": of("b", 1)}, false},
		{"one with commits is left out", kadm.FetchOffsetsResponses{"b": none}, false},
		{"one without is left out", kadm.FetchOffsetsResponses{"a": of("a", 5)}, false},
		{"none is there", nil, false},
		{"one has an error", kadm.FetchOffsetsResponses{"a": of("a", 5), "b": {Group: "b", Err: kerr.CoordinatorLoadInProgress}}, false},
	} {
		if err := c.compare(c.History.Floors(), tc.answer); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.what, err)
		}
	}
}
