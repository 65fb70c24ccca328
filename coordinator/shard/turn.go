package shard

import (
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Answer delivers one prepared response (NoError), or an error response in its
// place when what the response speaks of was lost. It is called once.
type Answer func(protocol.ErrorCode)

// Turn is what every step has: the time that goes into it, and the records and
// answers that come out. A coordinator embeds it in its own kind of step.
type Turn struct {
	Now time.Time

	records []Record
	cuts    []int // numbers of records after which an append may end, ascending
	applied int   // of records
	answers []Answer
}

// Base is the turn itself: what embeds one is a Step.
func (t *Turn) Base() *Turn { return t }

// Record decides a change of what is durable. Apply makes it.
func (t *Turn) Record(r Record) {
	r.Timestamp = t.Wall()
	t.records = append(t.records, r)
}

// Records are those of the turn so far, to be read only.
func (t *Turn) Records() []Record { return t.records }

// Grow makes room for n records that stand by themselves.
func (t *Turn) Grow(n int) {
	t.records, t.cuts = slices.Grow(t.records, n), slices.Grow(t.cuts, n)
}

// Cut tells that what was recorded so far stands by itself, whatever follows: it
// need not be in one append with that.
func (t *Turn) Cut() {
	if n := len(t.records); n > 0 && (len(t.cuts) == 0 || t.cuts[len(t.cuts)-1] < n) {
		t.cuts = append(t.cuts, n)
	}
}

// Answer has a called when all that was recorded so far, in this turn and in those
// before, is safe or lost.
func (t *Turn) Answer(a Answer) { t.answers = append(t.answers, a) }

// Wall is the time for what is stored and shown.
func (t *Turn) Wall() int64 { return t.Now.UnixMilli() }

// At is a time of the wall clock as the timers have theirs: they do not move with
// that clock.
func (t *Turn) At(wall time.Time) time.Time { return t.Now.Add(wall.Sub(t.Now)) }

// Apply replays what a step has recorded so far, so that what follows in it reads
// plain state. Whatever can refuse a request comes before.
func Apply[S Step](m Machine[S], s S) {
	t := s.Base()
	for ; t.applied < len(t.records); t.applied++ {
		if err := m.Replay(t.records[t.applied]); err != nil {
			// Requests are checked for what the format cannot hold, so this is
			// no client's doing: memory and journal would part ways.
			panic("coordinator: own record does not replay: " + err.Error())
		}
	}
}

// Respond prepares resp as the answer to reply; failed makes what is sent in
// its place when the step is lost.
func Respond[R any](t *Turn, reply func(R), resp R, failed func(protocol.ErrorCode) R) {
	t.Answer(func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			reply(failed(code))
			return
		}
		reply(resp)
	})
}

func deliver(answers []Answer, code protocol.ErrorCode) {
	for _, a := range answers {
		a(code)
	}
}
