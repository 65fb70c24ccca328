package txn

import (
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// What commits or aborts a transaction is the record of PrepareCommit or
// PrepareAbort, once it is below the high watermark; the markers in the partitions
// only carry that out. They are written after it, again and again until all stand,
// and after a load all of them once more, whatever stands already: a second marker
// changes nothing. So nothing rests on how many of them a crash keeps.

// Pauses between attempts of the same markers.
const (
	markerRetryMin   = 100 * time.Millisecond
	markerRetryMax   = 5 * time.Second
	markerRetryTells = time.Minute
)

// MarkerJob is an end marker for each of some partitions.
type MarkerJob struct {
	ID               string
	Producer         Producer // with the epoch that the markers get
	Commit           bool     // else abort
	BumpedEpoch      bool     // that epoch is above the one of the records
	CoordinatorEpoch int32
	Partitions       []model.TopicPartition // in order, by topic and number; none twice. Not to be changed
}

// markerJob is the state of the markers of a decided transaction.
type markerJob struct {
	left  []model.TopicPartition // which have none yet, as far as is known
	pause time.Duration          // before the next attempt
	told  time.Time              // when an event said that it takes long
}

// decided sees to it that a decision is carried out.
func (m *machine) decided(s *step, tx *transaction, why Reason) {
	tx.why = why
	tx.markers = &markerJob{left: tx.partitions.each(), pause: markerRetryMin}
	m.sendMarkers(s, tx)
}

// sendMarkers has the markers written that are left, once the decision is safe: as
// an answer of its step.
func (m *machine) sendMarkers(s *step, tx *transaction) {
	state, send := tx.markers, s.send
	job := MarkerJob{
		ID: tx.id, Producer: tx.who(), Commit: tx.state == PrepareCommit, BumpedEpoch: tx.client >= versionBumps,
		CoordinatorEpoch: m.epoch, Partitions: state.left,
	}
	s.Answer(func(lost protocol.ErrorCode) {
		if lost != protocol.NoError {
			return // the shard loads again, and looks what became of the decision
		}
		send(job, func(m *machine, s *step, failed []*protocol.Error) { m.marked(s, job.ID, state, failed) })
	})
}

// marked takes what became of the markers of one attempt, in their order.
func (m *machine) marked(s *step, id string, state *markerJob, failed []*protocol.Error) {
	tx := m.ids[id]
	if tx == nil || tx.markers != state {
		return // of a machine before this one
	}
	if len(failed) != len(state.left) {
		panic("transaction coordinator: not every marker has its outcome")
	}
	var left []model.TopicPartition
	var why *protocol.Error
	refused := s.about(tx, MarkerRefused)
	for i, err := range failed {
		switch protocol.CodeOf(asError(err)) {
		case protocol.NoError:
		case protocol.UnknownTopicOrPartition: // deleted, and its records with it
		case protocol.InvalidProducerEpoch, protocol.TransactionCoordinatorFenced:
			// Somebody newer has ended it there.
			refused.Topic, refused.Partition = state.left[i].Topic, state.left[i].Partition
			refused.Code, refused.Reason = err.Code, err.Message
			refused.Count++
		default:
			left, why = append(left, state.left[i]), err
		}
	}
	if refused.Count > 0 {
		s.event(refused)
	}
	if len(left) == 0 {
		m.complete(s, tx)
		return
	}
	state.left = left
	s.retried += len(left)
	if state.told.IsZero() || s.Now.Sub(state.told) >= markerRetryTells {
		e := s.about(tx, MarkersRetried)
		e.Count, e.Code, e.Reason = len(left), why.Code, why.Message
		e.Topic, e.Partition = left[len(left)-1].Topic, left[len(left)-1].Partition // whose error that is
		s.event(e)
		state.told = s.Now
	}
	m.timers.Set(timerKey{kind: timerMarkers, id: id}, s.Now.Add(state.pause))
	state.pause = min(2*state.pause, markerRetryMax)
}

// asError keeps nil what is no error.
func asError(err *protocol.Error) error {
	if err == nil {
		return nil
	}
	return err
}

// complete ends a transaction whose markers are all written.
func (m *machine) complete(s *step, tx *transaction) {
	s.ended[resultOf(tx.state, tx.why)]++
	tx = m.write(s, tx.id, tx.complete(s.Wall()))
	tx.markers, tx.why = nil, ByClient
	s.Cut()
	m.wake(s, tx)
}
