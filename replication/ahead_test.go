package replication

import (
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestJudgedBehindWhatIsAhead: markers and offsets are judged as if what is ahead of
// them were there already.
func TestJudgedBehindWhatIsAhead(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		const ok, over, fenced = protocol.NoError, protocol.InvalidProducerEpoch, protocol.TransactionCoordinatorFenced
		code := func(err *protocol.Error) protocol.ErrorCode {
			if err == nil {
				return ok
			}
			return err.Code
		}
		offsets := func(when string, epoch model.ProducerEpoch, ahead Ahead, want protocol.ErrorCode) {
			t.Helper()
			if got := code(p.RefusesOffsets(1, epoch, ahead)); got != want {
				t.Errorf("offsets, %s: %s, want %s", when, got, want)
			}
		}
		marker := func(when string, m Marker, ahead Ahead, want protocol.ErrorCode) {
			t.Helper()
			m.Partition, m.Producer = p, 1
			if got := code(p.RefusesMarker(&m, ahead)); got != want {
				t.Errorf("marker, %s: %s, want %s", when, got, want)
			}
		}
		began := Ahead{Known: true, Epoch: 3, Open: true}
		ended := Ahead{Known: true, Epoch: 3, Ended: true, CoordinatorEpoch: 5}
		for _, open := range []bool{false, true} {
			offsets("nothing known, or older", 2, Ahead{}, ok)
			offsets("a newer epoch ahead", 2, began, over)
			offsets("a newer marker ahead", 2, ended, over)
			offsets("the same epoch ahead", 3, ended, ok)
			marker("an older epoch", Marker{Epoch: 2, CoordinatorEpoch: 5}, ended, over)
			marker("an older coordinator", Marker{Epoch: 3, CoordinatorEpoch: 4}, ended, fenced)
			marker("a coordinator that nobody knows", Marker{Epoch: 3}, began, ok)
			marker("bumped, and it began with that epoch", Marker{Epoch: 3, BumpedEpoch: true}, began, over)
			marker("bumped, and it ended with that epoch", Marker{Epoch: 3, CoordinatorEpoch: 5, BumpedEpoch: true}, ended, ok)
			if !open {
				w.mustSend(p, 1, 2, 0)
			}
		}
		offsets("older than what is there", 1, Ahead{}, over)
		w.mustSend(p, 1, 3, 0)
		bumped := Marker{Epoch: 3, CoordinatorEpoch: 5, BumpedEpoch: true}
		marker("open there", bumped, Ahead{}, over)
		marker("open there, with a marker ahead", bumped, ended, ok)
	})
}
