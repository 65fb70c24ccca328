package replication

import (
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestTxnRoom: a partition takes no more transactions than fit into its state. Those
// that are open go on, and there is room again once they end, or the records of those
// that were aborted are gone.
func TestTxnRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		w.close()
		w.cfg = log.Config{SegmentBytes: 8 << 10}
		w.open()
		p := w.part(0)
		next := model.ProducerID(0)
		begin := func() protocol.ErrorCode {
			var a answers
			w.send(p, next, 0, 0, &a)
			next++
			w.settle()
			if err := a.all()[0].Err; err != nil {
				return err.Code
			}
			return protocol.NoError
		}
		fill := func() (n int) {
			for begin() == protocol.NoError {
				if n++; n > 1000 {
					t.Fatal("there is no end of it")
				}
			}
			return n
		}
		room := p.log.TxnRoom()
		if got := fill(); got != room || room < 10 {
			t.Fatalf("%d transactions are open, with room for %d", got, room)
		}
		if code := begin(); code != protocol.PolicyViolation {
			t.Errorf("one more: %s", code)
		}
		w.mustSend(p, 0, 0, 1) // one that is open goes on

		w.mustEnd(marker(p, 0, 0, true))
		if code := begin(); code != protocol.NoError {
			t.Errorf("after a commit: %s", code)
		}
		for id := range model.ProducerID(room / 2) {
			w.mustEnd(marker(p, 1+id, 0, false))
		}
		if got, most := fill(), room/2; got >= most || got == 0 {
			t.Errorf("after %d aborts there is room for %d more", most, got)
		}
		for id := range next {
			w.mustEnd(marker(p, id, 0, false))
		}
		aborted := p.log.TxnRoom()
		var d deletion
		w.deleteRecords(p, p.Offsets().HighWatermark, d.done)
		w.settle()
		if got := p.log.TxnRoom(); got != room || aborted >= room {
			t.Errorf("room for %d, for %d without the records of those that were aborted, and %d at first", aborted, got, room)
		}
	})
}
