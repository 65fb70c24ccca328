package coordinator

import (
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// answer delivers one prepared response (NoError), or an error response in its
// place when what the response speaks of was lost. It is called once.
type answer func(protocol.ErrorCode)

// step is one turn of a machine: the time and the rules that go in, and the
// records, answers and events that come out. A machine never does anything
// else to the world.
type step struct {
	now    time.Time
	config *Config
	suffix func() string
	view   View // one for the whole step: what it decides fits together
	shard  int32
	starts func(topic string, partition int32) int64 // where partitions begin; nil: at 0

	records []Record
	cuts    []int // numbers of records after which an append may end, ascending
	applied int   // of records
	answers []answer
	events  []Event
	commits int // partition offsets accepted
	ignored int // partition offsets of before a rewind
	settled int // consumer groups that came to rest
}

func (s *step) record(r Record) {
	r.Timestamp = s.wall()
	s.records = append(s.records, r)
}

// expect makes room for so many records more, each with a cut.
func (s *step) expect(n int) { s.records, s.cuts = slices.Grow(s.records, n), slices.Grow(s.cuts, n) }

// cut tells that what was recorded so far stands by itself, whatever follows: it
// need not be in one append with that.
func (s *step) cut() {
	if n := len(s.records); n > 0 && (len(s.cuts) == 0 || s.cuts[len(s.cuts)-1] < n) {
		s.cuts = append(s.cuts, n)
	}
}

func (s *step) answer(a answer)       { s.answers = append(s.answers, a) }
func (s *step) event(e Event)         { s.events = append(s.events, e) }
func (s *step) wall() int64           { return s.now.UnixMilli() }
func (s *step) in(ms int32) time.Time { return s.now.Add(time.Duration(ms) * time.Millisecond) }

// at is a time of the wall clock as the timers have theirs: they do not move with
// that clock.
func (s *step) at(t time.Time) time.Time { return s.now.Add(t.Sub(s.now)) }

// logStart is the first offset of a partition that is left, as far as is known.
func (s *step) logStart(topic string, partition int32) int64 {
	if s.starts == nil {
		return 0
	}
	return s.starts(topic, partition)
}

func deliver(answers []answer, code protocol.ErrorCode) {
	for _, a := range answers {
		a(code)
	}
}

// respond prepares resp as the answer to reply; failed makes what is sent in
// its place when the step is lost.
func respond[R any](s *step, reply func(R), resp R, failed func(protocol.ErrorCode) R) {
	s.answer(func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			reply(failed(code))
			return
		}
		reply(resp)
	})
}
