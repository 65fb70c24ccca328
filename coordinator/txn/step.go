package txn

import (
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// step is one turn of a machine: what goes in, and what comes out. A machine
// never does anything else to the world.
type step struct {
	shard.Turn
	config Config
	epoch  func() int32 // of the coordinator: the leader epoch of its partition
	fresh  newID
	send   func(MarkerJob, markersWritten)

	events  []Event
	ended   [resultCount]int
	fenced  int // producers, by newer ones
	retried int // markers
}

// markersWritten runs in a turn of its own when it is known what became of each
// marker of a job.
type markersWritten func(m *machine, s *step, failed []*protocol.Error)

func (s *step) event(e Event) { s.events = append(s.events, e) }

// wallTime is a time that is stored as the timers have theirs.
func (s *step) wallTime(ms int64) time.Time { return s.At(time.UnixMilli(ms)) }

// reply answers a request with a code.
func (s *step) reply(r *request, code protocol.ErrorCode) {
	s.Answer(func(lost protocol.ErrorCode) {
		if lost != protocol.NoError {
			r.reply(lost)
			return
		}
		r.reply(code)
	})
}

// accept answers a request by answer, unless what it speaks of is lost.
func (s *step) accept(r *request, answer func()) {
	s.Answer(func(lost protocol.ErrorCode) {
		if lost != protocol.NoError {
			r.reply(lost)
			return
		}
		answer()
	})
}
